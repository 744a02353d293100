// A provider that costs next to no CPU: OpenAI's embeddings API over HTTP/1.1, one thread, vectors written beforehand.
//
//     provider [DIMENSIONS] [DELAY_MS]    prints its base URL; ends with its standard input
//
// A text's vector depends on the text alone: its hash picks one of `kept` vectors, whose first three values are then made
// from the hash, so that no two texts share one. `GET /stats` tells requests, inputs, the times of the first and the last
// request (CLOCK_MONOTONIC) and the CPU seconds; `GET /reset` does so and begins to count anew. `GET /delay/MS` sets the
// time from a request's last byte to its answer's first. A `dimensions` in a request is passed over.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kept = 512, most_connections = 1024 };

typedef struct {
  char *bytes;
  size_t count, room;
} Buffer;

typedef struct {
  Buffer in, out;
  size_t sent;
  double due;  // When the answer in `out` may be sent; 0 where there is none.
} Connection;

static int dimensions = 1536;
static double delay;
static Connection *connections[most_connections];
static char *as_base64[kept], *as_floats[kept];
static long requests, inputs;
static double first, last;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

static void make_room(Buffer *buffer, size_t more) {
  if (buffer->room - buffer->count >= more) return;
  buffer->room = (buffer->count + more) * 2;
  if (!(buffer->bytes = realloc(buffer->bytes, buffer->room))) abort();
}

static void append(Buffer *buffer, const char *bytes, size_t count) {
  make_room(buffer, count);
  memcpy(buffer->bytes + buffer->count, bytes, count);
  buffer->count += count;
}

static void base64(const uint8_t *from, size_t count, char *to) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t at = 0; at < count; at += 3) {
    size_t left = count - at;
    uint32_t three = from[at] << 16 | (left > 1 ? from[at + 1] << 8 : 0) | (left > 2 ? from[at + 2] : 0);
    *to++ = digits[three >> 18];
    *to++ = digits[three >> 12 & 63];
    *to++ = left > 1 ? digits[three >> 6 & 63] : '=';
    *to++ = left > 2 ? digits[three & 63] : '=';
  }
  *to = 0;
}

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

// The vectors have length 1, but for the thousandths of their first three values.
static void prepare(void) {
  float *vector = malloc(dimensions * sizeof *vector);
  for (int i = 0; i < kept; i++) {
    double square = 0;
    for (int d = 3; d < dimensions; d++) {
      vector[d] = (mix((uint64_t)i << 32 | d) >> 11) * 0x1p-52 - 1;
      square += vector[d] * vector[d];
    }
    vector[0] = vector[1] = vector[2] = 0;
    for (int d = 3; d < dimensions; d++) vector[d] /= sqrt(square);
    as_base64[i] = malloc(dimensions * 6 + 8);
    base64((uint8_t *)vector, dimensions * sizeof *vector, as_base64[i]);
    char *to = as_floats[i] = malloc(dimensions * 20);
    *to = 0;
    for (int d = 3; d < dimensions; d++) to += sprintf(to, ",%.9g", vector[d]);
  }
  free(vector);
}

static void append_vector(Buffer *out, uint64_t hash, int floats) {
  float own[3];
  for (int d = 0; d < 3; d++) own[d] = ((int)(mix(hash + d) >> 40 & 0xfffff) - 0x80000) * 0x1p-29f;
  const char *rest = (floats ? as_floats : as_base64)[hash % kept];
  char begin[64];
  if (floats) {
    append(out, begin, sprintf(begin, "[%.9g,%.9g,%.9g", own[0], own[1], own[2]));
    append(out, rest, strlen(rest));
    append(out, "]", 1);
  } else {
    base64((uint8_t *)own, sizeof own, begin + 1);
    begin[0] = '"';
    append(out, begin, 17);
    append(out, rest + 16, strlen(rest) - 16);
    append(out, "\"", 1);
  }
}

// The hash of the JSON string that begins after `*at`'s quote, of its text and not of how it is escaped.
static uint64_t string_hash(const char **at) {
  uint64_t hash = 0xcbf29ce484222325;
  const char *c = *at + 1;
#define TAKE(byte) (hash = (hash ^ (uint8_t)(byte)) * 0x100000001b3)
  for (; *c != '"'; c++) {
    if (*c != '\\') { TAKE(*c); continue; }
    static const char escapes[] = "b\bf\fn\nr\rt\t";
    const char *escape = strchr(escapes, *++c);
    if (*c != 'u') { TAKE(escape ? escape[1] : *c); continue; }
    unsigned point;
    if (sscanf(c + 1, "%4x", &point) != 1) exit(3);
    c += 4;
    if (point >> 10 == 0x36) {
      unsigned low;
      if (sscanf(c + 1, "\\u%4x", &low) != 1) exit(3);
      c += 6;
      point = 0x10000 + ((point & 0x3ff) << 10 | (low & 0x3ff));
    }
    if (point < 0x80) TAKE(point);
    else {
      if (point < 0x800) TAKE(0xc0 | point >> 6);
      else {
        if (point < 0x10000) TAKE(0xe0 | point >> 12);
        else { TAKE(0xf0 | point >> 18); TAKE(0x80 | (point >> 12 & 0x3f)); }
        TAKE(0x80 | (point >> 6 & 0x3f));
      }
      TAKE(0x80 | (point & 0x3f));
    }
  }
  *at = c + 1;
  return mix(hash);
}

static void answer_embeddings(Buffer *out, const char *body) {
  const char *input = strstr(body, "\"input\"");
  if (!input) exit(3);
  // A text could hold the words, but then with escaped quotes.
  int floats = !strstr(body, "\"encoding_format\":\"base64\"") && !strstr(body, "\"encoding_format\": \"base64\"");
  input += 7;
  while (*input == ' ' || *input == ':') input++;
  int many = *input == '[';
  if (many) input++;
  size_t tokens = 0;
  append(out, "{\"object\":\"list\",\"data\":[", 25);
  for (int index = 0;; index++) {
    while (*input == ' ' || *input == ',') input++;
    if (*input != '"') break;
    const char *text = input;
    uint64_t hash = string_hash(&input);
    tokens += 1 + (input - text) / 4;
    char begin[80];
    append(out, begin, sprintf(begin, "%s{\"object\":\"embedding\",\"index\":%d,\"embedding\":", index ? "," : "", index));
    append_vector(out, hash, floats);
    append(out, "}", 1);
    inputs++;
    if (!many) break;
  }
  char end[160];
  append(out, end, sprintf(end, "],\"model\":\"text-embedding-3-small\",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}",
                           tokens, tokens));
}

static void answer_stats(Buffer *out) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  char text[256];
  append(out, text, sprintf(text, "{\"requests\":%ld,\"inputs\":%ld,\"first\":%.6f,\"last\":%.6f,\"cpu\":%.3f}", requests, inputs,
                            first, last, cpu));
}

// Answers the request that `in` begins with, if it is whole.
static void take_request(Connection *connection) {
  Buffer *in = &connection->in, *out = &connection->out;
  if (connection->due || !in->count) return;
  make_room(in, 1);
  in->bytes[in->count] = 0;
  char *head_end = memmem(in->bytes, in->count, "\r\n\r\n", 4);
  if (!head_end) return;
  char *length = strcasestr(in->bytes, "content-length:");
  size_t body = length && length < head_end ? strtoul(length + 15, NULL, 10) : 0;
  size_t whole = head_end + 4 - in->bytes + body;
  if (in->count < whole) return;
  char after = in->bytes[whole];
  in->bytes[whole] = 0;
  // The head is written in front of the body once its length is known.
  enum { head_room = 160 };
  make_room(out, head_room);
  out->count = head_room;
  double wait = 0;
  if (!strncmp(in->bytes, "GET ", 4)) {
    answer_stats(out);
    if (!strncmp(in->bytes, "GET /reset", 10)) requests = inputs = first = last = 0;
    if (!strncmp(in->bytes, "GET /delay/", 11)) delay = atof(in->bytes + 11) / 1000;
  } else {
    last = now();
    if (!requests++) first = last;
    wait = delay;
    answer_embeddings(out, head_end + 4);
  }
  char head[head_room];
  int size = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", out->count - head_room);
  connection->sent = head_room - size;
  memcpy(out->bytes + connection->sent, head, size);
  in->bytes[whole] = after;
  in->count -= whole;
  memmove(in->bytes, in->bytes + whole, in->count);
  connection->due = now() + wait;
}

// Returns 0 where the connection has ended.
static int receive(int socket, Connection *connection) {
  for (;;) {
    make_room(&connection->in, 65536);
    ssize_t count = read(socket, connection->in.bytes + connection->in.count, connection->in.room - connection->in.count - 1);
    if (count > 0) connection->in.count += count;
    else return count < 0 && errno == EAGAIN;
  }
}

static void send_what_is_due(int socket, Connection *connection, double time) {
  while (connection->due && connection->due <= time) {
    ssize_t count = send(socket, connection->out.bytes + connection->sent, connection->out.count - connection->sent, MSG_NOSIGNAL);
    if (count < 0) return;  // EAGAIN comes back as an event; what has ended is read as an end.
    connection->sent += count;
    if (connection->sent < connection->out.count) continue;
    connection->due = 0;
    take_request(connection);
  }
}

int main(int count, char **arguments) {
  if (count > 1) dimensions = atoi(arguments[1]);
  if (count > 2) delay = atof(arguments[2]) / 1000;
  prepare();
  int listener = socket(AF_INET, SOCK_STREAM, 0), queue = epoll_create1(0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 512)) return 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("http://127.0.0.1:%d/v1\n", ntohs(address.sin_port));
  fflush(stdout);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event);
  event = (struct epoll_event){.events = EPOLLIN, .data.fd = 0};
  epoll_ctl(queue, EPOLL_CTL_ADD, 0, &event);
  for (;;) {
    // What falls due after `time` is waited for; all that was due then has been tried, and goes on when the socket takes more.
    double next = 0, time = now();
    for (int i = 0; i < most_connections; i++)
      if (connections[i]) send_what_is_due(i, connections[i], time);
    for (int i = 0; i < most_connections; i++)
      if (connections[i] && connections[i]->due > time && (!next || connections[i]->due < next)) next = connections[i]->due;
    double wait = next - now();
    if (wait < 0) wait = 0;
    if (wait > 1) wait = 1;
    struct timespec patience = {.tv_sec = wait, .tv_nsec = (wait - (time_t)wait) * 1e9};
    struct epoll_event events[64];
    int found = epoll_pwait2(queue, events, 64, next ? &patience : NULL, NULL);
    for (int i = 0; i < found; i++) {
      int socket = events[i].data.fd;
      if (!socket) return 0;
      if (socket == listener) {
        int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (accepted < 0 || accepted >= most_connections) return 2;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[accepted] = calloc(1, sizeof(Connection));
        event = (struct epoll_event){.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = accepted};
        epoll_ctl(queue, EPOLL_CTL_ADD, accepted, &event);
        continue;
      }
      Connection *connection = connections[socket];
      if (receive(socket, connection)) {
        take_request(connection);
        continue;
      }
      close(socket);
      free(connection->in.bytes);
      free(connection->out.bytes);
      free(connection);
      connections[socket] = NULL;
    }
  }
}
