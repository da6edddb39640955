/* The bytes of the mock's answers: HTTP/1.1 200, chunked, one SSE event a chunk. */
#ifndef BENCH_ANSWERS_H
#define BENCH_ANSWERS_H

#include <stddef.h>

typedef struct {
    char *bytes;
    size_t length, capacity;
} Buffer;

void append(Buffer *buffer, const char *bytes, size_t length);

/* The parts of an answer, in this order. `with_usage`: the request asked for the usage chunk. */
void append_head(Buffer *answer, int with_usage);
void append_token(Buffer *answer, int with_usage, long index, const char *seven_characters);
void append_tail(Buffer *answer, int with_usage, long tokens);

/* The whole answer, encoded once for each length. NULL: too many different lengths. */
const Buffer *prepared_answer(int with_usage, long tokens);

#endif
