// AI SDK 4 as its documentation shows it: streamText and toDataStreamResponse (`0:"…"` lines).
import { createOpenAI } from '@ai-sdk/openai';
import { convertToCoreMessages, streamText } from 'ai';
import { serve } from '../serve.mjs';

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL, compatibility: 'strict' });

serve(({ messages }) =>
  streamText({
    model: openai('gpt-4o-mini'),
    messages: convertToCoreMessages(messages),
  }).toDataStreamResponse(),
);
