// The floor of what a job costs: fills messages.embedding with no ledger and no check of anything, so that what is lost
// when it is killed is paid again. libcurl's multi interface, and libpq: pipelined prepared UPDATEs, one transaction a
// request, over two connections.
//
//     reference DATABASE_URL BASE_URL CONCURRENCY    prints the rows that it wrote
//
// A thread reads pages of 100 missing rows by key, and writes each as a request's body. A thread has `CONCURRENCY` requests
// in flight. Two threads decode the answers and write them.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <curl/curl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { page = 100, dimensions = 1536, writers = 2 };

typedef struct Batch {
  struct Batch *next;
  int rows;
  int64_t keys[page];
  char *body, *answer;
  size_t body_size, answer_size, answer_room;
  CURL *request;
} Batch;

typedef struct {
  Batch *first, *last;
  int count, room, is_closed;
  pthread_mutex_t lock;
  pthread_cond_t changed;
} Queue;

static const char *database, *base_url;
static Queue bodies = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
static Queue answers = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
static int8_t digits[256];
static CURLM *multi;

static void end(const char *what, const char *why) {
  fprintf(stderr, "reference: %s: %s\n", what, why);
  exit(1);
}

static void put(Queue *queue, Batch *batch) {
  pthread_mutex_lock(&queue->lock);
  while (queue->count >= queue->room) pthread_cond_wait(&queue->changed, &queue->lock);
  batch->next = NULL;
  if (queue->first) queue->last->next = batch; else queue->first = batch;
  queue->last = batch;
  queue->count++;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->lock);
}

// NULL where the queue is empty, and with `waits` only where it is closed, too.
static Batch *take(Queue *queue, int waits, int *is_closed) {
  pthread_mutex_lock(&queue->lock);
  while (waits && !queue->count && !queue->is_closed) pthread_cond_wait(&queue->changed, &queue->lock);
  Batch *batch = queue->first;
  if (batch) {
    queue->first = batch->next;
    queue->count--;
    pthread_cond_broadcast(&queue->changed);
  }
  if (is_closed) *is_closed = queue->is_closed && !queue->count;
  pthread_mutex_unlock(&queue->lock);
  return batch;
}

static void close_queue(Queue *queue) {
  pthread_mutex_lock(&queue->lock);
  queue->is_closed = 1;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->lock);
}

static PGconn *connect_to_database(void) {
  PGconn *connection = PQconnectdb(database);
  if (PQstatus(connection) != CONNECTION_OK) end("connect", PQerrorMessage(connection));
  return connection;
}

static void prepare(PGconn *connection, const char *name, const char *sql) {
  PGresult *result = PQprepare(connection, name, sql, 0, NULL);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) end("prepare", PQerrorMessage(connection));
  PQclear(result);
}

static uint64_t big_endian(uint64_t value) { return (uint64_t)htonl(value) << 32 | htonl(value >> 32); }

static char *write_json(char *to, const char *text) {
  *to++ = '"';
  for (; *text; text++) {
    uint8_t c = *text;
    if (c < 0x20) to += sprintf(to, "\\u%04x", c);
    else {
      if (c == '"' || c == '\\') *to++ = '\\';
      *to++ = c;
    }
  }
  *to++ = '"';
  return to;
}

static void *read_pages(void *unused) {
  PGconn *connection = connect_to_database();
  prepare(connection, "page", "SELECT id, content FROM messages WHERE id > $1 AND embedding IS NULL ORDER BY id LIMIT 100");
  for (int64_t after = 0;;) {
    uint64_t key = big_endian(after);
    const char *values[] = {(char *)&key};
    PGresult *result = PQexecPrepared(connection, "page", 1, values, (int[]){8}, (int[]){1}, 1);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) end("read", PQerrorMessage(connection));
    int rows = PQntuples(result);
    if (!rows) break;
    Batch *batch = calloc(1, sizeof *batch);
    size_t room = 200;
    for (int row = 0; row < rows; row++) room += 6 * PQgetlength(result, row, 1) + 3;
    char *to = batch->body = malloc(room);
    to += sprintf(to, "{\"model\":\"text-embedding-3-small\",\"encoding_format\":\"base64\",\"input\":[");
    for (int row = 0; row < rows; row++) {
      memcpy(&key, PQgetvalue(result, row, 0), 8);
      batch->keys[row] = after = big_endian(key);
      if (row) *to++ = ',';
      to = write_json(to, PQgetvalue(result, row, 1));
    }
    to += sprintf(to, "]}");
    batch->body_size = to - batch->body;
    batch->rows = rows;
    PQclear(result);
    put(&bodies, batch);
    curl_multi_wakeup(multi);
  }
  PQfinish(connection);
  close_queue(&bodies);
  curl_multi_wakeup(multi);
  return unused;
}

static size_t receive(char *bytes, size_t size, size_t count, void *of) {
  Batch *batch = of;
  size *= count;
  if (batch->answer_size + size >= batch->answer_room) {
    batch->answer_room = batch->answer_room ? 2 * batch->answer_room : 900000;
    if (!(batch->answer = realloc(batch->answer, batch->answer_room))) end("memory", "none");
  }
  memcpy(batch->answer + batch->answer_size, bytes, size);
  batch->answer_size += size;
  return size;
}

static void request_all(int concurrency) {
  char url[512];
  snprintf(url, sizeof url, "%s/embeddings", base_url);
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  CURL *free_requests[concurrency];
  int free_count = concurrency, is_closed = 0;
  for (int i = 0; i < concurrency; i++) {
    CURL *request = free_requests[i] = curl_easy_init();
    curl_easy_setopt(request, CURLOPT_URL, url);
    curl_easy_setopt(request, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(request, CURLOPT_BUFFERSIZE, 512 * 1024L);
  }
  while (!is_closed || free_count < concurrency) {
    Batch *batch;
    while (free_count && (batch = take(&bodies, 0, NULL))) {
      batch->request = free_requests[--free_count];
      curl_easy_setopt(batch->request, CURLOPT_POSTFIELDS, batch->body);
      curl_easy_setopt(batch->request, CURLOPT_POSTFIELDSIZE, (long)batch->body_size);
      curl_easy_setopt(batch->request, CURLOPT_WRITEDATA, batch);
      curl_easy_setopt(batch->request, CURLOPT_PRIVATE, batch);
      curl_multi_add_handle(multi, batch->request);
    }
    int running, left, ended = 0;
    curl_multi_perform(multi, &running);
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
      long status = 0;
      if (message->data.result) end("request", curl_easy_strerror(message->data.result));
      curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
      if (status != 200) end("request", "not answered with 200");
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&batch);
      curl_multi_remove_handle(multi, batch->request);
      free_requests[free_count++] = batch->request;
      free(batch->body);
      ended = 1;
      put(&answers, batch);
    }
    pthread_mutex_lock(&bodies.lock);
    is_closed = bodies.is_closed && !bodies.count;
    pthread_mutex_unlock(&bodies.lock);
    if (!ended && (!is_closed || running)) curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
  close_queue(&answers);
}

// `to` becomes pgvector's binary form: the length, nothing, and big-endian floats.
static void decode(const uint8_t *from, uint8_t *to) {
  static const uint8_t head[] = {dimensions >> 8, dimensions & 255, 0, 0};
  memcpy(to, head, 4);
  uint8_t *vector = to + 4, *byte = vector;
  for (int at = 0; at < dimensions * 4 / 3; at++, from += 4, byte += 3) {
    uint32_t three = digits[from[0]] << 18 | digits[from[1]] << 12 | digits[from[2]] << 6 | digits[from[3]];
    byte[0] = three >> 16;
    byte[1] = three >> 8;
    byte[2] = three;
  }
  for (int at = 0; at < dimensions; at++) {
    uint32_t value;
    memcpy(&value, vector + 4 * at, 4);
    value = htonl(value);
    memcpy(vector + 4 * at, &value, 4);
  }
}

static void *write_answers(void *unused) {
  PGconn *connection = connect_to_database();
  prepare(connection, "write", "UPDATE messages SET embedding = $1 WHERE id = $2");
  PQenterPipelineMode(connection);
  static _Thread_local uint8_t vector[4 + dimensions * 4];
  long written = 0;
  for (Batch *batch; (batch = take(&answers, 1, NULL)); free(batch->answer), free(batch)) {
    char *at = batch->answer, *until = at + batch->answer_size;
    for (int row = 0; row < batch->rows; row++) {
      at = memmem(at, until - at, "\"index\":", 8);
      int index = at ? atoi(at + 8) : -1;
      at = at ? memmem(at, until - at, "\"embedding\":\"", 13) : NULL;
      if (index < 0 || index >= batch->rows || !at || until - at < 13 + dimensions * 16 / 3) end("answer", "not understood");
      decode((uint8_t *)at + 13, vector);
      at += 13 + dimensions * 16 / 3;
      uint64_t key = big_endian(batch->keys[index]);
      const char *values[] = {(char *)vector, (char *)&key};
      if (!PQsendQueryPrepared(connection, "write", 2, values, (int[]){sizeof vector, 8}, (int[]){1, 1}, 0))
        end("write", PQerrorMessage(connection));
    }
    PQpipelineSync(connection);
    for (int synced = 0; !synced;) {
      PGresult *result = PQgetResult(connection);
      if (!result) continue;
      ExecStatusType status = PQresultStatus(result);
      synced = status == PGRES_PIPELINE_SYNC;
      if (status == PGRES_COMMAND_OK) written += atoi(PQcmdTuples(result));
      else if (!synced) end("write", PQerrorMessage(connection));
      PQclear(result);
    }
  }
  PQfinish(connection);
  *(long *)unused = written;
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 4) end("usage", "reference DATABASE_URL BASE_URL CONCURRENCY");
  database = arguments[1];
  base_url = arguments[2];
  int concurrency = atoi(arguments[3]);
  bodies.room = answers.room = concurrency;
  for (int i = 0; i < 64; i++)
    digits[(uint8_t)"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[i]] = i;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init();
  pthread_t reader, writer[writers];
  long written[writers], sum = 0;
  pthread_create(&reader, NULL, read_pages, NULL);
  for (int i = 0; i < writers; i++) pthread_create(&writer[i], NULL, write_answers, &written[i]);
  request_all(concurrency);
  for (int i = 0; i < writers; i++) {
    pthread_join(writer[i], NULL);
    sum += written[i];
  }
  printf("%ld\n", sum);
}
