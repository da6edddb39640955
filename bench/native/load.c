/* A load generator: keeps C streams open until N answers are read. One thread, epoll, 127.0.0.1.
 *
 *   load [-r RAMP_MS] [-s TIMEOUT_S] [-l] PORT PATH BODY_FILE C N TOKENS
 *
 * Posts the file, with another chat id for each answer, and counts tokens by their mark, '~'. With -l it reads the stamp in each token
 * (see upstream.c) and reports how long tokens were under way. Streams are opened at once, or
 * evenly over RAMP_MS; connections are kept for the next answer if the server allows it.
 *
 * Prints one JSON object. An answer is an error if its status is not 200, if it does not hold
 * TOKENS tokens, or if it ends early; what is not done after TIMEOUT_S counts as unfinished.
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

enum { HEAD_SIZE = 8192, READ_SIZE = 1 << 18, BODY_SIZE = 1 << 20, MAX_EVENTS = 512 };
enum { STAMP_DIGITS = 7 };
/* Each answer is of a chat of its own, or a server that keeps chats would take it for a retry. */
#define CHAT_ID "0000000000000000"
#define CHAT_ID_DIGITS (sizeof CHAT_ID - 1)

typedef struct {
    float *values;
    size_t count, capacity;
} Sample;

typedef struct {
    int fd; /* -1: not connected */
    int busy, reused;
    size_t sent;
    long long chat;

    char head[HEAD_SIZE];
    size_t head_length;
    int in_body, status, chunked, closes;
    long content_length, body_read;
    char body_end[STAMP_DIGITS]; /* the last bytes of the body so far */

    long tokens;
    int stamp_digits; /* digits still to read of the stamp in hand */
    long long stamp_us, started_us, first_token_us;
} Stream;

static int epoll_fd, port, with_latency;
static long wanted, started, finished, errors, tokens_each, tokens_read;
static char *request;
static size_t request_length;
static char *chat_id; /* in `request`, CHAT_ID_DIGITS of them; NULL: it has none */
static long long first_chat;
static char first_error[256];
static Sample first_token_us, latency_us;

static long long now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* ---- samples ---- */

static void add(Sample *sample, long long value) {
    if (sample->count == sample->capacity) {
        sample->capacity = sample->capacity ? sample->capacity * 2 : 4096;
        sample->values = realloc(sample->values, sample->capacity * sizeof *sample->values);
        if (!sample->values) abort();
    }
    sample->values[sample->count++] = (float)value;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_sample(const char *name, Sample *sample) {
    if (!sample->count) {
        printf(",\"%s\":null", name);
        return;
    }
    qsort(sample->values, sample->count, sizeof *sample->values, ascending);
    size_t last = sample->count - 1;
    printf(",\"%s\":{\"p50\":%.1f,\"p99\":%.1f}", name, sample->values[last / 2],
           sample->values[(size_t)((double)last * .99)]);
}

/* ---- one stream ---- */

static int dial(Stream *s) {
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->reused = 0;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s->fd < 0) return -1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(s->fd, (void *)&address, sizeof address) && errno != EINPROGRESS) {
        close(s->fd);
        s->fd = -1;
        return -1;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = s};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &event);
    return 0;
}

static void send_request(Stream *s) {
    char digits[CHAT_ID_DIGITS + 1];
    snprintf(digits, sizeof digits, "%016llx", s->chat);
    if (chat_id) memcpy(chat_id, digits, CHAT_ID_DIGITS);
    while (s->sent < request_length) {
        ssize_t length = write(s->fd, request + s->sent, request_length - s->sent);
        if (length < 0) return; /* full: epoll calls again; broken: the next read says so */
        s->sent += (size_t)length;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, s->fd, &event);
}

static void count_error(const Stream *s, const char *what) {
    errors++;
    if (!*first_error)
        snprintf(first_error, sizeof first_error, "%s, status %d, %ld tokens, %ld bytes", what,
                 s->status, s->tokens, s->body_read);
}

static void begin(Stream *s) {
    while (started < wanted) {
        started++;
        *s = (Stream){.fd = s->fd, .busy = 1, .content_length = -1, .started_us = now_us()};
        s->chat = first_chat + started;
        if (s->fd >= 0) {
            s->reused = 1;
            send_request(s);
            return;
        }
        if (!dial(s)) return;
        count_error(s, "cannot connect");
        finished++;
    }
    s->busy = 0;
}

static void finish(Stream *s, const char *failure, int hang_up) {
    if (hang_up && s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
    if (!s->busy) return;
    if (!failure && s->status != 200) failure = "not answered";
    if (!failure && s->tokens != tokens_each) failure = "wrong number of tokens";
    if (failure) count_error(s, failure);
    else add(&first_token_us, s->first_token_us - s->started_us);
    tokens_read += s->tokens;
    finished++;
    begin(s);
}

static void count_token(Stream *s, long long now) {
    if (!s->tokens++) s->first_token_us = now;
}

static int base36(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : -1;
}

static void read_tokens(Stream *s, const char *at, const char *end, long long now) {
    while (at < end) {
        if (s->stamp_digits) {
            int digit = base36(*at++);
            if (digit < 0) {
                s->stamp_digits = 0;
                continue;
            }
            s->stamp_us = s->stamp_us * 36 + digit;
            if (!--s->stamp_digits) add(&latency_us, now - s->stamp_us);
            continue;
        }
        at = memchr(at, '~', (size_t)(end - at));
        if (!at) return;
        at++;
        count_token(s, now);
        if (with_latency) {
            s->stamp_digits = STAMP_DIGITS;
            s->stamp_us = 0;
        }
    }
}

static void remember_end(Stream *s, const char *bytes, size_t length) {
    if (length >= sizeof s->body_end) {
        memcpy(s->body_end, bytes + length - sizeof s->body_end, sizeof s->body_end);
        return;
    }
    memmove(s->body_end, s->body_end + length, sizeof s->body_end - length);
    memcpy(s->body_end + sizeof s->body_end - length, bytes, length);
}

static void read_body(Stream *s, const char *bytes, size_t length, long long now) {
    s->body_read += (long)length;
    read_tokens(s, bytes, bytes + length, now);
    if (s->chunked) {
        remember_end(s, bytes, length);
        int whole = !memcmp(s->body_end, "\r\n0\r\n\r\n", 7);
        int empty = s->body_read == 5 && !memcmp(s->body_end + 2, "0\r\n\r\n", 5);
        if (whole || empty) finish(s, NULL, s->closes);
    } else if (s->content_length >= 0 && s->body_read >= s->content_length) {
        finish(s, NULL, s->closes);
    }
}

/* Returns how many of the bytes belong to the head, or -1 if it is too long. */
static ssize_t read_head(Stream *s, const char *bytes, size_t length) {
    size_t before = s->head_length, room = sizeof s->head - 1 - before;
    size_t taken = length < room ? length : room;
    memcpy(s->head + before, bytes, taken);
    s->head_length += taken;
    s->head[s->head_length] = 0;
    char *end = strstr(s->head, "\r\n\r\n");
    if (!end) return taken < length ? -1 : (ssize_t)length;
    *end = 0;
    s->in_body = 1;
    s->status = atoi(s->head + sizeof "HTTP/1.1");
    s->chunked = strcasestr(s->head, "\ntransfer-encoding: chunked") != NULL;
    s->closes = strcasestr(s->head, "\nconnection: close") != NULL;
    char *length_header = strcasestr(s->head, "\ncontent-length:");
    if (length_header) s->content_length = atol(length_header + sizeof "\ncontent-length:" - 1);
    return end + 4 - s->head - (ssize_t)before;
}

static void read_more(Stream *s) {
    static char bytes[READ_SIZE];
    ssize_t length = read(s->fd, bytes, sizeof bytes);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
        int kept_too_long = s->busy && s->reused && !s->head_length;
        int ends_by_closing = s->in_body && !s->chunked && s->content_length < 0;
        if (length == 0 && kept_too_long) { /* an idle connection was closed: not an error */
            close(s->fd);
            s->sent = 0;
            if (dial(s)) finish(s, "cannot connect", 1);
        } else {
            finish(s, length == 0 && ends_by_closing ? NULL : "ended early", 1);
        }
        return;
    }
    if (!s->busy) return;
    long long now = now_us();
    ssize_t of_head = 0;
    if (!s->in_body) {
        of_head = read_head(s, bytes, (size_t)length);
        if (of_head < 0) {
            finish(s, "head too long", 1);
            return;
        }
    }
    if (s->in_body && (of_head < length || s->content_length == 0))
        read_body(s, bytes + of_head, (size_t)(length - of_head), now);
}

/* ---- the run ---- */

static void make_request(const char *path, const char *body_file, const char *header) {
    static char body[BODY_SIZE];
    FILE *file = fopen(body_file, "rb");
    if (!file) {
        perror(body_file);
        exit(2);
    }
    size_t length = fread(body, 1, sizeof body, file);
    fclose(file);
    request = malloc(length + strlen(path) + strlen(header) + 512);
    if (!request) abort();
    request_length = (size_t)sprintf(request,
                                     "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n"
                                     "content-type: application/json\r\naccept: */*\r\n"
                                     "user-agent: bench\r\n%s%scontent-length: %zu\r\n\r\n",
                                     path, port, header, *header ? "\r\n" : "", length);
    memcpy(request + request_length, body, length);
    request_length += length;
    request[request_length] = 0;
    chat_id = strstr(request, CHAT_ID);
    first_chat = now_us(); /* other ones than those of the run before */
}

int main(int argc, char **argv) {
    int option, ramp_ms = 0;
    double timeout_s = 60;
    const char *header = "";
    while ((option = getopt(argc, argv, "r:s:lh:")) != -1) {
        if (option == 'r') ramp_ms = atoi(optarg);
        else if (option == 's') timeout_s = atof(optarg);
        else if (option == 'l') with_latency = 1;
        else if (option == 'h') header = optarg;
        else return 2;
    }
    if (argc - optind != 6) {
        fputs("usage: load [-r RAMP_MS] [-s TIMEOUT_S] [-l] [-h HEADER] PORT PATH BODY_FILE C N "
              "TOKENS\n",
              stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    argv += optind;
    port = atoi(argv[0]);
    make_request(argv[1], argv[2], header);
    int count = atoi(argv[3]), opened = 0;
    wanted = atol(argv[4]);
    tokens_each = atol(argv[5]);

    epoll_fd = epoll_create1(0);
    Stream *streams = calloc((size_t)count, sizeof *streams);
    if (!streams) abort();
    for (int i = 0; i < count; i++) streams[i].fd = -1;
    long long start = now_us(), deadline = start + (long long)(timeout_s * 1e6);
    static struct epoll_event events[MAX_EVENTS];
    while (finished < wanted && now_us() < deadline) {
        long long elapsed_us = now_us() - start;
        while (opened < count && elapsed_us >= opened * ramp_ms * 1000LL / count)
            begin(&streams[opened++]);
        int ready = epoll_wait(epoll_fd, events, MAX_EVENTS, opened < count ? 1 : 100);
        for (int i = 0; i < ready; i++) {
            Stream *s = events[i].data.ptr;
            if (s->fd < 0) continue;
            if (events[i].events & EPOLLOUT && s->busy) send_request(s);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_more(s);
        }
    }
    /* Tokens of answers that were cut off are counted too: the server has worked for them. */
    for (int i = 0; i < opened; i++)
        if (streams[i].busy) tokens_read += streams[i].tokens;

    printf("{\"answers\":%ld,\"errors\":%ld,\"unfinished\":%ld,\"tokens\":%ld,\"wall_s\":%.6f",
           finished, errors, wanted - finished, tokens_read, (double)(now_us() - start) / 1e6);
    printf(",\"first_error\":\"%s\"", first_error);
    print_sample("first_token_us", &first_token_us);
    print_sample("latency_us", &latency_us);
    puts("}");
    return 0;
}
