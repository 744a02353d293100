#ifndef VECFILL_CLINUX_H
#define VECFILL_CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

// Swift sees spawn.h and stdlib.h without the GNU functions, and including them here would define fd_set a second way.
extern int posix_spawn_file_actions_addclosefrom_np(void *actions, int first);
extern int mkostemp(char *path, int flags);

// An open-file-description lock: freed with the last descriptor, so with the process, however it dies.
static inline int vecfill_lock_whole_file(int descriptor) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(descriptor, F_OFD_SETLK, &lock);
}

// 1 where another open file description holds the lock, 0 where none does, -1 with errno on failure.
static inline int vecfill_is_whole_file_locked(int descriptor) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(descriptor, F_OFD_GETLK, &lock) != 0) return -1;
  return lock.l_type != F_UNLCK;
}

// Waits for a lock on the open file or folder, freed with its last descriptor; -1 with errno on failure.
static inline int vecfill_wait_for_lock(int descriptor) {
  int result;
  do { result = flock(descriptor, LOCK_EX); } while (result != 0 && errno == EINTR);
  return result;
}

// A file in `folder` that has no name and goes with its descriptor; -1 with errno on failure.
static inline int vecfill_open_nameless(const char *folder) {
  int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)) return descriptor;
  // A file system that has no such files.
  char path[4096];
  if (snprintf(path, sizeof path, "%s/.vecfill-XXXXXX", folder) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  descriptor = mkostemp(path, O_CLOEXEC);
  if (descriptor >= 0) unlink(path);
  return descriptor;
}

// Whether something that was written to standard output by stdio, now or earlier, did not arrive; the errno of now, 0 for
// an earlier one's.
static inline int vecfill_has_lost_output(int *code) {
  errno = 0;
  int failed = fflush(stdout) != 0;
  *code = failed ? errno : 0;
  return failed || ferror(stdout);
}

// The same lock on the byte at `offset` alone, which need not be there.
static inline int vecfill_lock_byte(int descriptor, long long offset) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
  return fcntl(descriptor, F_OFD_SETLK, &lock);
}

#endif
