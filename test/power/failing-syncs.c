/* Lets one kind of call fail for files below a directory, in a real process (LD_PRELOAD). From the environment:

     FAIL_UNDER   the directory          FAIL_CALL   fsync, fdatasync or pwrite
     FAIL_AT      which of these calls   FAIL_TIMES  once or forever
     FAIL_ERRNO   the error's number     FAIL_LOG    a line for each call that failed: device, inode, offset, length

   A write that fails has happened as far as everybody can read: its pages are in the cache, taken for clean, and will
   never be written. That is what the log is for: whoever ends the process takes them away. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls = 0;

static int is_below(int descriptor) {
  char link[64], path[PATH_MAX];
  const char *under = getenv("FAIL_UNDER");
  if (under == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, under, strlen(under)) == 0;
}

static int must_fail(const char *call, int descriptor) {
  const char *chosen = getenv("FAIL_CALL"), *at = getenv("FAIL_AT"), *times = getenv("FAIL_TIMES");
  if (chosen == NULL || at == NULL || strcmp(chosen, call) != 0 || !is_below(descriptor)) return 0;
  pthread_mutex_lock(&lock);
  long call_number = ++calls;
  pthread_mutex_unlock(&lock);
  int forever = times != NULL && strcmp(times, "forever") == 0;
  return forever ? call_number >= atol(at) : call_number == atol(at);
}

static int fail(int descriptor, off_t offset, size_t length) {
  const char *log = getenv("FAIL_LOG"), *number = getenv("FAIL_ERRNO");
  struct stat facts;
  if (log != NULL && fstat(descriptor, &facts) == 0) {
    FILE *file = fopen(log, "a");
    if (file != NULL) {
      fprintf(file, "%lu %lu %lld %zu\n", (unsigned long)facts.st_dev, (unsigned long)facts.st_ino, (long long)offset, length);
      fclose(file);
    }
    dup(descriptor); /* as long as this process lives, no other file gets the inode */
  }
  errno = number == NULL ? EIO : atoi(number);
  return -1;
}

int fsync(int descriptor) {
  static int (*real)(int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "fsync");
  return must_fail("fsync", descriptor) ? fail(descriptor, 0, 0) : real(descriptor);
}

int fdatasync(int descriptor) {
  static int (*real)(int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "fdatasync");
  return must_fail("fdatasync", descriptor) ? fail(descriptor, 0, 0) : real(descriptor);
}

static ssize_t failing_pwrite(int descriptor, const void *content, size_t length, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite64");
  if (!must_fail("pwrite", descriptor)) return real(descriptor, content, length, offset);
  const char *number = getenv("FAIL_ERRNO");
  int is_full = number != NULL && atoi(number) == ENOSPC;
  if (!is_full) real(descriptor, content, length, offset);
  return fail(descriptor, offset, is_full ? 0 : length);
}

ssize_t pwrite(int descriptor, const void *content, size_t length, off_t offset) {
  return failing_pwrite(descriptor, content, length, offset);
}

ssize_t pwrite64(int descriptor, const void *content, size_t length, off64_t offset) {
  return failing_pwrite(descriptor, content, length, offset);
}
