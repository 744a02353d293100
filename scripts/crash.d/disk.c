// A disk for LD_PRELOAD that fails or loses power: it counts the writes, truncations and syncs of files below the folder
// VECFILL_TEST_DISK, and at number VECFILL_TEST_DISK_AT does what VECFILL_TEST_DISK_MODE says:
//
//   error  this one fails with EIO, and so does every later one
//   full   this one and every later write fail with ENOSPC
//   lost   the power goes: what was not synced is lost, and the process is gone
//   torn   the power goes: of what was not synced some is lost and some half written, by the seed VECFILL_TEST_DISK_SEED
//   liar   as lost, and no sync has ever reached the disk though each said so
//
// When the process ends by itself, the number of events is in the file FOLDER.events.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// What one write or truncation has changed and no sync has made durable.
struct change {
  struct change *next; // the one before it
  char path[4096];
  off_t offset, size; // of the write; the file's size before it
  size_t length, former;
  unsigned char *before, *after; // `after` is NULL for a truncation to `offset`
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct change *changes;
static long events;

typedef ssize_t write_call(int, const void *, size_t);
typedef ssize_t pwrite_call(int, const void *, size_t, off_t);
typedef int sync_call(int);
typedef int truncate_call(int, off_t);
#define REAL(type, name) ((type *)dlsym(RTLD_NEXT, name))

static const char *setting(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

static int is(const char *mode) { return strcmp(setting("VECFILL_TEST_DISK_MODE"), mode) == 0; }

// Whether the file is below the folder; then its path.
static int watched(int file, char *path) {
  const char *folder = setting("VECFILL_TEST_DISK");
  if (!*folder) return 0;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, 4095);
  if (length <= 0) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

static uint64_t state;
static uint64_t draw(void) {
  state += 0x9E3779B97F4A7C15;
  uint64_t word = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
  word = (word ^ (word >> 27)) * 0x94D049BB133111EB;
  return word ^ (word >> 31);
}

static void lose_power(void) {
  int torn = is("torn");
  state = strtoull(setting("VECFILL_TEST_DISK_SEED"), NULL, 10);
  struct change *oldest = NULL;
  for (struct change *one = changes, *next; one; one = next) {
    int file = open(one->path, O_WRONLY);
    if (file >= 0) {
      if (one->former) REAL(pwrite_call, "pwrite64")(file, one->before, one->former, one->offset);
      if (REAL(truncate_call, "ftruncate64")(file, one->size)) _exit(99);
      close(file);
    }
    next = one->next;
    one->next = oldest;
    oldest = one;
  }
  for (struct change *one = oldest; torn && one; one = one->next) {
    int file = open(one->path, O_WRONLY);
    if (file < 0) continue;
    uint64_t fate = draw() % 4; // two in four are lost, one is whole, one ends at some sector
    size_t length = fate == 2 ? one->length : fate == 3 ? one->length * (draw() % 100) / 100 / 512 * 512 : 0;
    if (one->after && length) REAL(pwrite_call, "pwrite64")(file, one->after, length, one->offset);
    if (!one->after && fate == 2 && REAL(truncate_call, "ftruncate64")(file, one->offset)) _exit(99);
    close(file);
  }
  _exit(137);
}

// Counts an event; returns the error that it has to fail with, or 0. The caller holds the mutex.
static int strikes(int is_write) {
  long at = atol(setting("VECFILL_TEST_DISK_AT"));
  events++;
  if (!at || events < at) return 0;
  if (is("error")) return EIO;
  if (is("full")) return is_write ? ENOSPC : 0;
  if (events == at) lose_power();
  return 0;
}

static void remember(int file, const char *path, const void *bytes, size_t length, off_t offset) {
  struct stat status;
  fstat(file, &status);
  struct change *one = calloc(1, sizeof *one);
  strcpy(one->path, path);
  one->offset = offset, one->size = status.st_size, one->length = length;
  size_t there = offset < status.st_size ? status.st_size - offset : 0;
  one->former = bytes && there > length ? length : there;
  one->before = malloc(one->former + 1);
  int reading = open(path, O_RDONLY);
  if (reading >= 0) {
    if (pread(reading, one->before, one->former, offset) < 0) one->former = 0;
    close(reading);
  }
  if (bytes) {
    one->after = malloc(length + 1);
    memcpy(one->after, bytes, length);
  }
  one->next = changes;
  changes = one;
}

static void forget(const char *path) {
  for (struct change **place = &changes; *place;) {
    struct change *one = *place;
    if (strcmp(one->path, path)) {
      place = &one->next;
      continue;
    }
    *place = one->next;
    free(one->before), free(one->after), free(one);
  }
}

static ssize_t put(int file, const void *bytes, size_t length, off_t offset, int is_positioned) {
  char path[4096];
  if (!watched(file, path))
    return is_positioned ? REAL(pwrite_call, "pwrite64")(file, bytes, length, offset)
                         : REAL(write_call, "write")(file, bytes, length);
  pthread_mutex_lock(&mutex);
  int error = strikes(1);
  ssize_t written = -1;
  if (!error) {
    remember(file, path, bytes, length, is_positioned ? offset : lseek(file, 0, SEEK_CUR));
    written = is_positioned ? REAL(pwrite_call, "pwrite64")(file, bytes, length, offset)
                            : REAL(write_call, "write")(file, bytes, length);
    error = errno;
  }
  pthread_mutex_unlock(&mutex);
  if (written < 0) errno = error;
  return written;
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off_t offset) { return put(file, bytes, length, offset, 1); }
ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) { return put(file, bytes, length, offset, 1); }
ssize_t write(int file, const void *bytes, size_t length) { return put(file, bytes, length, 0, 0); }

static int cut(int file, off_t size) {
  char path[4096];
  if (!watched(file, path)) return REAL(truncate_call, "ftruncate64")(file, size);
  pthread_mutex_lock(&mutex);
  int error = strikes(1);
  if (!error) {
    remember(file, path, NULL, 0, size);
    error = REAL(truncate_call, "ftruncate64")(file, size) ? errno : 0;
  }
  pthread_mutex_unlock(&mutex);
  errno = error;
  return error ? -1 : 0;
}

int ftruncate64(int file, off_t size) { return cut(file, size); }
int ftruncate(int file, off_t size) { return cut(file, size); }

static int flush(int file, const char *name) {
  char path[4096];
  if (!watched(file, path)) return REAL(sync_call, name)(file);
  pthread_mutex_lock(&mutex);
  int error = strikes(0);
  if (!error && !is("liar")) forget(path);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return error ? -1 : 0;
}

int fsync(int file) { return flush(file, "fsync"); }
int fdatasync(int file) { return flush(file, "fdatasync"); }

__attribute__((destructor)) static void tell(void) {
  const char *folder = setting("VECFILL_TEST_DISK");
  if (!*folder) return;
  char path[4096];
  snprintf(path, sizeof path, "%s.events", folder);
  int file = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  if (file < 0) return;
  char text[32];
  int length = snprintf(text, sizeof text, "%ld", events);
  if (REAL(write_call, "write")(file, text, length) != length) _exit(99);
  close(file);
}
