/* Chunks of about 300 bytes, shaped like the ones of OpenAI's Chat Completions API. */
#include "answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ANSWERS = 64 };

void append(Buffer *buffer, const char *bytes, size_t length) {
    if (buffer->length + length > buffer->capacity) {
        buffer->capacity = (buffer->length + length) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->capacity);
        if (!buffer->bytes) abort();
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static void append_http_chunk(Buffer *buffer, const char *bytes, size_t length) {
    char size[24];
    append(buffer, size, (size_t)sprintf(size, "%zx\r\n", length));
    append(buffer, bytes, length);
    append(buffer, "\r\n", 2);
}

#define CHUNK_START                                                                     \
    "data: {\"id\":\"chatcmpl-C9bq7XrT2mYpLs0VdKe4WnUa1GhZf\","                         \
    "\"object\":\"chat.completion.chunk\",\"created\":1764000000,"                      \
    "\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\","                \
    "\"system_fingerprint\":\"fp_51db84afab\",\"choices\":["

static const char *usage_null(int with_usage) { return with_usage ? ",\"usage\":null" : ""; }

void append_head(Buffer *answer, int with_usage) {
    static const char head[] =
        "HTTP/1.1 200 OK\r\n"
        "content-type: text/event-stream; charset=utf-8\r\n"
        "openai-processing-ms: 210\r\nopenai-version: 2020-10-01\r\n"
        "x-request-id: req_8f3c1d2e4b5a\r\nx-ratelimit-limit-requests: 30000\r\n"
        "cf-cache-status: DYNAMIC\r\nserver: mock\r\ntransfer-encoding: chunked\r\n\r\n";
    char chunk[1024];
    append(answer, head, sizeof head - 1);
    int length = sprintf(chunk,
                         CHUNK_START
                         "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\","
                         "\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}]"
                         "%s,\"obfuscation\":\"h7JkL2\"}\n\n",
                         usage_null(with_usage));
    append_http_chunk(answer, chunk, (size_t)length);
}

void append_token(Buffer *answer, int with_usage, long index, const char *seven_characters) {
    static const char *padding[] = {"",         "k9",         "aQz3",         "P0sLmx",
                                    "u1Vd8RtY", "ZxC4vBnM0q", "h7JkL2pOiUyT", "Wq3ErT5yUiOpAs"};
    char chunk[1024];
    int length = sprintf(chunk,
                         CHUNK_START
                         "{\"index\":0,\"delta\":{\"content\":\"~%.7s\"},\"logprobs\":null,"
                         "\"finish_reason\":null}]%s,\"obfuscation\":\"%s\"}\n\n",
                         seven_characters, usage_null(with_usage), padding[index % 8]);
    append_http_chunk(answer, chunk, (size_t)length);
}

void append_tail(Buffer *answer, int with_usage, long tokens) {
    char chunk[1024];
    int length = sprintf(chunk,
                         CHUNK_START
                         "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]"
                         "%s,\"obfuscation\":\"P0sL\"}\n\n",
                         usage_null(with_usage));
    append_http_chunk(answer, chunk, (size_t)length);
    if (with_usage) {
        length = sprintf(chunk,
                         CHUNK_START
                         "],\"usage\":{\"prompt_tokens\":24,\"completion_tokens\":%ld,"
                         "\"total_tokens\":%ld,\"prompt_tokens_details\":{\"cached_tokens\":0,"
                         "\"audio_tokens\":0},\"completion_tokens_details\":{"
                         "\"reasoning_tokens\":0,\"audio_tokens\":0,"
                         "\"accepted_prediction_tokens\":0,"
                         "\"rejected_prediction_tokens\":0}},\"obfuscation\":\"\"}\n\n",
                         tokens, tokens + 24);
        append_http_chunk(answer, chunk, (size_t)length);
    }
    append_http_chunk(answer, "data: [DONE]\n\n", 14);
    append(answer, "0\r\n\r\n", 5);
}

const Buffer *prepared_answer(int with_usage, long tokens) {
    static const char *words[] = {"ability", "because", "channel", "deliver", "example", "forward",
                                  "general", "history", "improve", "journey", "kitchen", "library",
                                  "machine", "natural", "opinion", "pattern"};
    static struct {
        int with_usage;
        long tokens;
        Buffer answer;
    } prepared[MAX_ANSWERS];
    static int count;

    for (int i = 0; i < count; i++)
        if (prepared[i].with_usage == with_usage && prepared[i].tokens == tokens)
            return &prepared[i].answer;
    if (count == MAX_ANSWERS) return NULL;
    prepared[count].with_usage = with_usage;
    prepared[count].tokens = tokens;
    Buffer *answer = &prepared[count++].answer;
    append_head(answer, with_usage);
    for (long i = 0; i < tokens; i++)
        append_token(answer, with_usage, i, words[(i * 7 + i / 16) % 16]);
    append_tail(answer, with_usage, tokens);
    return answer;
}
