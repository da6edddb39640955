/* A mock of POST /v1/chat/completions that is never the bottleneck: one thread, epoll, answers
 * encoded ahead of time.
 *
 *   upstream PORT                   (127.0.0.1 only; runs until it is told to stop)
 *
 * The scenario rides in the text of the request, so that it passes through any backend unchanged;
 * the last one in the request wins:
 *
 *   BENCH t=200 d=20000             t tokens, d microseconds between two of them (0: no waiting)
 *
 * A token is '~' and seven characters, in a chunk of about 300 bytes shaped like OpenAI's: an HTTP
 * chunk per event, `obfuscation`, and the usage chunk if the request asks for one. With d=0 the
 * seven characters are a word. With d>0 they are CLOCK_MONOTONIC microseconds at the moment of the
 * write, in base 36, so that whoever reads the token knows how long it was under way.
 *
 * GET on any path answers 200, so that a starter can wait for the server.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answers.h"

enum { MAX_CONNECTIONS = 16384, READ_SIZE = 65536, MAX_EVENTS = 512 };

typedef struct {
    int fd; /* 0: unused */
    Buffer in;

    const char *out; /* what is still being written; NULL: nothing */
    size_t out_length, out_done;
    Buffer own; /* backs `out` when that is not a prepared answer */
    int waits_for_room;

    /* A paced answer. */
    int paced, with_usage;
    long tokens, tokens_left, delay_us;
    long long due_us;
    int heap_index; /* -1: not in the heap */
} Connection;

static Connection connections[MAX_CONNECTIONS]; /* by file descriptor */
static int epoll_fd;

static long long now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* ---- who is due next: a binary heap of paced connections ---- */

static Connection *heap[MAX_CONNECTIONS];
static int heap_size;

static void heap_swap(int a, int b) {
    Connection *moved = heap[a];
    heap[a] = heap[b];
    heap[b] = moved;
    heap[a]->heap_index = a;
    heap[b]->heap_index = b;
}

static void heap_settle(int at) {
    while (at && heap[at]->due_us < heap[(at - 1) / 2]->due_us) {
        heap_swap(at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
    for (;;) {
        int left = 2 * at + 1, right = left + 1, first = at;
        if (left < heap_size && heap[left]->due_us < heap[first]->due_us) first = left;
        if (right < heap_size && heap[right]->due_us < heap[first]->due_us) first = right;
        if (first == at) return;
        heap_swap(at, first);
        at = first;
    }
}

static void heap_add(Connection *c) {
    c->heap_index = heap_size;
    heap[heap_size++] = c;
    heap_settle(c->heap_index);
}

static void heap_remove(Connection *c) {
    int at = c->heap_index;
    if (at < 0) return;
    c->heap_index = -1;
    if (at == --heap_size) return;
    heap[at] = heap[heap_size];
    heap[at]->heap_index = at;
    heap_settle(at);
}

/* ---- connections ---- */

static void drop(Connection *c) {
    if (!c->fd) return;
    heap_remove(c);
    close(c->fd);
    free(c->in.bytes);
    free(c->own.bytes);
    memset(c, 0, sizeof *c);
}

static void wait_for_room(Connection *c, int wanted) {
    if (c->waits_for_room == wanted) return;
    c->waits_for_room = wanted;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.fd = c->fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

/* Write what there is; once it is out, a paced answer waits for its next token. */
static void write_on(Connection *c) {
    while (c->out_done < c->out_length) {
        ssize_t written = write(c->fd, c->out + c->out_done, c->out_length - c->out_done);
        if (written < 0) {
            if (errno == EAGAIN) wait_for_room(c, 1);
            else drop(c);
            return;
        }
        c->out_done += (size_t)written;
    }
    wait_for_room(c, 0);
    c->out = NULL;
    if (c->paced && c->heap_index < 0) heap_add(c);
}

static void start_writing(Connection *c, const Buffer *what) {
    c->out = what->bytes;
    c->out_length = what->length;
    c->out_done = 0;
    write_on(c);
}

static void write_next_token(Connection *c) {
    long long now = now_us();
    c->own.length = 0;
    if (c->tokens_left == 0) {
        append_tail(&c->own, c->with_usage, c->tokens);
        c->paced = 0;
    } else {
        char stamp[8] = "";
        long long rest = now;
        for (int i = 6; i >= 0; i--, rest /= 36)
            stamp[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36];
        append_token(&c->own, c->with_usage, c->tokens - c->tokens_left--, stamp);
        c->due_us += c->delay_us;
        if (c->due_us < now) c->due_us = now + 1;
    }
    start_writing(c, &c->own);
}

static void answer_shortly(Connection *c, const char *status) {
    char head[128];
    c->own.length = 0;
    append(&c->own, head,
           (size_t)sprintf(head, "HTTP/1.1 %s\r\ncontent-length: 0\r\n\r\n", status));
    start_writing(c, &c->own);
}

static long parameter(const char *start, const char *end, const char *name, long otherwise) {
    const char *found = memmem(start, (size_t)(end - start), name, strlen(name));
    return found ? atol(found + strlen(name)) : otherwise;
}

static void answer(Connection *c, const char *body, size_t length) {
    const char *end = body + length, *scenario = body, *found;
    while ((found = memmem(scenario, (size_t)(end - scenario), "BENCH ", 6))) scenario = found + 6;
    const char *scenario_end = end - scenario > 64 ? scenario + 64 : end;
    long tokens = parameter(scenario, scenario_end, "t=", 200);
    long delay_us = parameter(scenario, scenario_end, "d=", 0);
    int with_usage = memmem(body, length, "include_usage", 13) != NULL;

    if (delay_us == 0) {
        const Buffer *whole = prepared_answer(with_usage, tokens);
        if (whole) start_writing(c, whole);
        else answer_shortly(c, "400 Too many different lengths");
        return;
    }
    c->paced = 1;
    c->with_usage = with_usage;
    c->tokens = c->tokens_left = tokens;
    c->delay_us = delay_us;
    c->due_us = now_us() + delay_us;
    c->own.length = 0;
    append_head(&c->own, with_usage);
    start_writing(c, &c->own);
}

/* Answer the requests that are complete, one after another. */
static void serve(Connection *c) {
    while (c->fd && !c->out && !c->paced && c->in.length) {
        append(&c->in, "", 1); /* so that the string functions stop */
        c->in.length--;
        char *head_end = strstr(c->in.bytes, "\r\n\r\n");
        if (!head_end) return;
        *head_end = 0;
        char *length_header = strcasestr(c->in.bytes, "\ncontent-length:");
        int chunked = strcasestr(c->in.bytes, "\ntransfer-encoding:") != NULL;
        *head_end = '\r';
        size_t head_length = (size_t)(head_end + 4 - c->in.bytes);
        size_t body_length = length_header ? (size_t)atol(length_header + 16) : 0;
        if (!chunked && c->in.length < head_length + body_length) return;

        if (chunked) {
            answer_shortly(c, "411 Length required");
            body_length = c->in.length - head_length;
        } else if (!strncmp(c->in.bytes, "POST /v1/chat/completions", 25)) {
            answer(c, c->in.bytes + head_length, body_length);
        } else if (!strncmp(c->in.bytes, "GET ", 4)) {
            answer_shortly(c, "200 OK");
        } else {
            answer_shortly(c, "404 Not found");
        }
        if (!c->fd) return; /* writing may have found it closed */
        size_t request = head_length + body_length;
        c->in.length -= request;
        memmove(c->in.bytes, c->in.bytes + request, c->in.length);
    }
}

static void read_more(Connection *c) {
    static char bytes[READ_SIZE];
    ssize_t length;
    do {
        length = read(c->fd, bytes, sizeof bytes);
        if (length < 0 && errno == EAGAIN) break;
        if (length <= 0) {
            drop(c);
            return;
        }
        append(&c->in, bytes, (size_t)length);
    } while (length == sizeof bytes);
    serve(c);
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_CONNECTIONS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[fd] = (Connection){.fd = fd, .heap_index = -1};
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(int port) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&address, sizeof address) || listen(fd, 4096)) {
        perror("upstream: listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fputs("usage: upstream PORT\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_on(atoi(argv[1]));
    epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);

    static struct epoll_event events[MAX_EVENTS];
    for (;;) {
        int timeout_ms = -1;
        if (heap_size) {
            long long wait_us = heap[0]->due_us - now_us();
            timeout_ms = wait_us <= 0 ? 0 : (int)((wait_us + 999) / 1000);
        }
        int count = epoll_wait(epoll_fd, events, MAX_EVENTS, timeout_ms);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                accept_all(listener);
                continue;
            }
            Connection *c = &connections[events[i].data.fd];
            if (c->fd && events[i].events & EPOLLOUT) {
                write_on(c);
                serve(c);
            }
            if (c->fd && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_more(c);
        }
        for (long long now = now_us(); heap_size && heap[0]->due_us <= now;) {
            Connection *c = heap[0];
            heap_remove(c);
            write_next_token(c);
            serve(c);
        }
    }
}
