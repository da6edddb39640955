// The latest AI SDK as its documentation shows it: streamText and toUIMessageStreamResponse (SSE).
import { createOpenAI } from '@ai-sdk/openai';
import { convertToModelMessages, streamText } from 'ai';
import { serve } from '../serve.mjs';

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });

serve(async ({ messages }) =>
  streamText({
    model: openai.chat('gpt-4o-mini'),
    messages: await convertToModelMessages(messages),
  }).toUIMessageStreamResponse(),
);
