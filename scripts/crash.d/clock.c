// A host's clock for LD_PRELOAD that is VECFILL_TEST_CLOCK seconds ahead, or behind where that is negative: what tells the
// time of day, and no clock that only counts.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long ahead;

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("VECFILL_TEST_CLOCK");
  ahead = text ? atol(text) : 0;
}

static int is_time_of_day(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  if (result == 0 && is_time_of_day(clock)) now->tv_sec += ahead;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
  int result = real(now, zone);
  if (result == 0) now->tv_sec += ahead;
  return result;
}

time_t time(time_t *place) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (place) *place = now.tv_sec;
  return now.tv_sec;
}

// A wait up to a time of day is up to that of the clock it was made with.
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, const struct timespec *restrict end) {
  static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  // The one of old programs is found by that name without a version.
  if (!real) real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!real) real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  struct timespec now, rebased = *end;
  clock_gettime(CLOCK_REALTIME, &now);
  // One that counts from the start of the machine is far from any time of day.
  if (labs(end->tv_sec - now.tv_sec) < 10L * 365 * 86400) rebased.tv_sec -= ahead;
  return real(cond, mutex, &rebased);
}
