/* Sees every call by which a program changes files under one folder: counts them, lets one of them fail or be the last,
 * or notes them all. Loaded with LD_PRELOAD by the scripts beside this file.
 *
 * FAULTS_ROOT  the folder; paths below it must be given as absolute ones
 * FAULTS_AT    which call, from 1, in the order in which they are made by all threads
 * FAULTS_KIND  kill: die before it; torn: write half and die; eio, enospc: it fails; full: it and all later ones that
 *              need room fail
 * FAULTS_HIT   make this file once that call is reached
 * FAULTS_LOG   note each call, and what is sent over sockets, in this file: a line "KIND LENGTH OFFSET PATH", then
 *              LENGTH bytes
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static const char *root, *kind, *hit;
static long at, count;
static int notes = -1;

__attribute__((constructor)) static void start(void) {
    const char *number = getenv("FAULTS_AT"), *log = getenv("FAULTS_LOG");
    root = getenv("FAULTS_ROOT");
    kind = getenv("FAULTS_KIND");
    kind = kind ? kind : "";
    hit = getenv("FAULTS_HIT");
    at = number ? atol(number) : 0;
    if (log) notes = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int inside(const char *path) {
    size_t length = root ? strlen(root) : 0;
    return length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

/* The path of an open file, if it is one of ours. */
static int ours(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return inside(path);
}

static void put(const void *data, size_t length) {
    for (const char *from = data; length;) {
        ssize_t done = syscall(SYS_write, notes, from, length);
        if (done <= 0) abort();
        from += done, length -= done;
    }
}

static void note(char what, const char *path, const void *data, size_t length, long long offset) {
    char line[2 * PATH_MAX + 64];
    if (notes < 0) return;
    put(line, snprintf(line, sizeof line, "%c %zu %lld %s\n", what, length, offset, path));
    put(data, length);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts a call. 0: go on; else the error to fail with; -1: write half, then die. `grows`: it needs room. */
static int due(int grows) {
    count++;
    if (!at || count < at) return 0;
    if (hit && count == at) close(syscall(SYS_openat, AT_FDCWD, hit, O_WRONLY | O_CREAT, 0600));
    if (!strcmp(kind, "full")) return grows ? ENOSPC : 0;
    if (count > at) return 0;
    if (!strcmp(kind, "kill")) die();
    if (!strcmp(kind, "torn")) return -1;
    return !strcmp(kind, "eio") ? EIO : !strcmp(kind, "enospc") ? ENOSPC : 0;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = dlsym(RTLD_NEXT, #name);
#define FAIL(error) \
    do { \
        pthread_mutex_unlock(&turn); \
        errno = error; \
        return -1; \
    } while (0)

static int may_change(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
}

static int opened(const char *path, int flags, mode_t mode) {
    struct stat before;
    pthread_mutex_lock(&turn);
    int there = !stat(path, &before), fault = due(!there);
    if (fault < 0) die();
    if (fault) FAIL(fault);
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode), error = errno;
    if (fd >= 0 && !there) note('C', path, "", 0, 0);
    if (fd >= 0 && there && flags & O_TRUNC && before.st_size) note('T', path, "", 0, 0);
    pthread_mutex_unlock(&turn);
    errno = error;
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        if (may_change(flags) && inside(path)) return opened(path, flags, mode); \
        return syscall(SYS_openat, AT_FDCWD, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        if (may_change(flags) && inside(path)) return opened(path, flags, mode); \
        return syscall(SYS_openat, folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

static ssize_t written(int fd, const char *path, const void *data, size_t length, off_t offset, int moves) {
    pthread_mutex_lock(&turn);
    int fault = due(1);
    if (fault > 0) FAIL(fault);
    if (moves) offset = lseek(fd, 0, SEEK_CUR);
    if (fault < 0) {
        syscall(SYS_pwrite64, fd, data, length / 2, offset);
        die();
    }
    ssize_t done = moves ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, offset);
    int error = errno;
    if (done > 0) note('W', path, data, done, offset);
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}

static void sent(const void *data, ssize_t length) {
    if (notes < 0 || length <= 0) return;
    pthread_mutex_lock(&turn);
    note('A', "-", data, length, 0);
    pthread_mutex_unlock(&turn);
}

ssize_t write(int fd, const void *data, size_t length) {
    char path[PATH_MAX];
    if (ours(fd, path)) return written(fd, path, data, length, 0, 1);
    if (!strncmp(path, "socket:", 7)) sent(data, length);
    return syscall(SYS_write, fd, data, length);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    char path[PATH_MAX];
    if (ours(fd, path)) return written(fd, path, data, length, offset, 0);
    return syscall(SYS_pwrite64, fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    return pwrite(fd, data, length, offset);
}

/* Sent is noted before it is: whoever has it must find what it speaks of. */
static void sent_parts(const struct iovec *parts, size_t n) {
    for (size_t i = 0; i < n; i++) sent(parts[i].iov_base, parts[i].iov_len);
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL(writev)
    char path[PATH_MAX];
    if (ours(fd, path)) return n ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
    if (!strncmp(path, "socket:", 7)) sent_parts(parts, n);
    return real(fd, parts, n);
}

ssize_t send(int fd, const void *data, size_t length, int flags) {
    REAL(send)
    sent(data, length);
    return real(fd, data, length, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    REAL(sendmsg)
    sent_parts(message->msg_iov, message->msg_iovlen);
    return real(fd, message, flags);
}

/* One call that changes a file or folder: counted, made, noted. */
#define CHANGE(what, grows, path, offset, call) \
    pthread_mutex_lock(&turn); \
    int fault = due(grows); \
    if (fault < 0) die(); \
    if (fault) FAIL(fault); \
    int done = call, error = errno; \
    if (!done) note(what, path, "", 0, offset); \
    pthread_mutex_unlock(&turn); \
    errno = error; \
    return done;

#define SYNC(name, number) \
    int name(int fd) { \
        char path[PATH_MAX]; \
        if (!ours(fd, path)) return syscall(number, fd); \
        CHANGE('S', 0, path, 0, syscall(number, fd)) \
    }
SYNC(fsync, SYS_fsync)
SYNC(fdatasync, SYS_fdatasync)

int ftruncate(int fd, off_t length) {
    char path[PATH_MAX];
    if (!ours(fd, path)) return syscall(SYS_ftruncate, fd, length);
    CHANGE('T', 0, path, length, syscall(SYS_ftruncate, fd, length))
}

int ftruncate64(int fd, off64_t length) {
    return ftruncate(fd, length);
}

int rename(const char *from, const char *to) {
    char both[2 * PATH_MAX];
    if (!inside(to)) return syscall(SYS_rename, from, to);
    snprintf(both, sizeof both, "%s\t%s", from, to);
    CHANGE('R', 1, both, 0, syscall(SYS_rename, from, to))
}

int link(const char *from, const char *to) {
    char both[2 * PATH_MAX];
    if (!inside(to)) return syscall(SYS_link, from, to);
    snprintf(both, sizeof both, "%s\t%s", from, to);
    CHANGE('L', 1, both, 0, syscall(SYS_link, from, to))
}

int unlink(const char *path) {
    if (!inside(path)) return syscall(SYS_unlink, path);
    CHANGE('U', 0, path, 0, syscall(SYS_unlink, path))
}

int mkdir(const char *path, mode_t mode) {
    if (!inside(path)) return syscall(SYS_mkdir, path, mode);
    CHANGE('M', 1, path, 0, syscall(SYS_mkdir, path, mode))
}
