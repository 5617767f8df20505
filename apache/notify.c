/* Directories whose changes the kernel tells, and the mounts that it tells of as well.
 *
 * The kernel queues an event before the call returns that changes a file, and so it does with word of
 * a mount.  So who finds nothing waiting knows that all is as it was, with one system call for all
 * directories: that of epoll, which takes a third of what poll() does.  (Who asks while another thread has just taken word of a mount may miss it, for the
 * fraction of a microsecond until that thread has counted it.)
 *
 * No event tells that another directory has taken the place of a watched one because a directory above
 * it or a symbolic link has been renamed: is_in_place() does.
 */
#include "notify.h"

#include "http_config.h"
#include "http_core.h"
#include "apr_strings.h"
#include "apr_thread_mutex.h"
#include "apr_thread_rwlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filesystem.h"

#define EVENTS_ITSELF (IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
#define EVENTS_ITS_FILES (EVENTS_ITSELF | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVE)
#define EVENT_SIZE_MAX (sizeof(struct inotify_event) + NAME_MAX + 1)
#define STAND_IN ".hwebserver" /* what the names begin with in conf/, as .hwebserver-async */
#define UNWATCHED (-1)
#define OPEN_MAX_DIRECTORIES 128 /* that are kept open, to be entered sooner */

struct hdpy_directory {
    hdpy_directory *next;
    unsigned references;
    dev_t device;
    ino_t inode;
    int fd;           /* -1: it is not kept open */
    atomic_int watch; /* the kernel's number for it, the same for two paths to one directory */
    hdpy_watched_part part;
    _Atomic uint64_t python_files, settings;
    char path[];
};

enum { QUEUE, MOUNTS, TOLD, COUNT };
static int fds[] = {[QUEUE] = -1, [MOUNTS] = -1, [TOLD] = -1}; /* TOLD: epoll of the others */
static hdpy_directory *directories;
static unsigned open_directories;
static _Atomic uint64_t changes; /* so far, of all there is: no number comes twice */
static _Atomic uint64_t mounts;  /* number of the last change of the mounts */
static apr_thread_mutex_t *reading;
static atomic_int is_reading;
static apr_thread_rwlock_t *lock;
static apr_array_header_t *settings_names; /* of .htaccess files: AccessFileName */

static apr_status_t close_all(void *unused)
{
    for (int i = 0; i < COUNT; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
    return APR_SUCCESS;
}

static int tell(int which, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = which};

    return fds[which] < 0 ? -1 : epoll_ctl(fds[TOLD], EPOLL_CTL_ADD, fds[which], &event);
}

/* The names of .htaccess files of all virtual hosts. */
static void find_settings_names(apr_pool_t *p, server_rec *s)
{
    settings_names = apr_array_make(p, 2, sizeof(char *));
    for (; s; s = s->next) {
        const core_server_config *core = ap_get_core_module_config(s->module_config);
        const char *names = core->access_name ? core->access_name : "";

        while (*names)
            *(const char **)apr_array_push(settings_names) = ap_getword_conf(p, &names);
    }
}

void hdpy_notify_init(apr_pool_t *p, server_rec *s)
{
    if (apr_thread_mutex_create(&reading, APR_THREAD_MUTEX_DEFAULT, p) != APR_SUCCESS
        || apr_thread_rwlock_create(&lock, p) != APR_SUCCESS)
        return;
    find_settings_names(p, s);
    fds[TOLD] = epoll_create1(EPOLL_CLOEXEC);
    fds[QUEUE] = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    fds[MOUNTS] = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (tell(QUEUE, EPOLLIN) < 0)
        close_all(NULL);
    else if (tell(MOUNTS, EPOLLPRI) == 0) /* see proc_pid_mountinfo(5) */
        mounts = ++changes;
    apr_pool_cleanup_register(p, NULL, close_all, apr_pool_cleanup_null);
}

void hdpy_notify_lock_to_read(void)
{
    apr_thread_rwlock_rdlock(lock);
}

void hdpy_notify_lock_to_write(void)
{
    apr_thread_rwlock_wrlock(lock);
}

void hdpy_notify_unlock(void)
{
    apr_thread_rwlock_unlock(lock);
}

/* ---- directories ----------------------------------------------------------------------------- */

static int is_at(const hdpy_directory *directory, const struct stat *status)
{
    return status->st_ino == directory->inode && status->st_dev == directory->device;
}

static int add_watch(const char *path, hdpy_watched_part part)
{
    uint32_t events = part == HDPY_ITSELF ? EVENTS_ITSELF : EVENTS_ITS_FILES;

    return inotify_add_watch(fds[QUEUE], path, events | IN_ONLYDIR | IN_MASK_ADD);
}

static hdpy_directory *watch(const char *path, const struct stat *status, hdpy_watched_part part)
{
    size_t size = strlen(path) + 1;
    hdpy_directory *directory = malloc(sizeof(*directory) + size);
    struct stat after;

    if (!directory)
        return NULL;
    memcpy(directory->path, path, size);
    directory->references = 0;
    directory->device = status->st_dev;
    directory->inode = status->st_ino;
    directory->fd = -1;
    directory->part = part;
    directory->python_files = directory->settings = ++changes;
    directory->watch = add_watch(path, part);
    directory->next = directories;
    directories = directory;
    /* that it is this directory that is watched, and not one that was put there meanwhile */
    if (directory->watch < 0 || stat(path, &after) != 0 || !is_at(directory, &after)) {
        hdpy_notify_release(directory);
        return NULL;
    }
    return directory;
}

static int is_on_local_system(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int is_local = fd >= 0 && hdpy_is_local(fd);

    if (fd >= 0)
        close(fd);
    return is_local;
}

hdpy_directory *hdpy_notify_take(const char *path, hdpy_watched_part part)
{
    struct stat status;
    hdpy_directory *directory = directories;

    if (fds[QUEUE] < 0 || stat(path, &status) != 0)
        return NULL;
    while (directory && (directory->watch == UNWATCHED || !is_at(directory, &status)
                         || strcmp(directory->path, path)))
        directory = directory->next;
    if (!directory && is_on_local_system(path))
        directory = watch(path, &status, part);
    if (!directory)
        return NULL;
    if (directory->part < part) {
        if (add_watch(path, part) != directory->watch)
            return NULL;
        directory->part = part;
        directory->python_files = directory->settings = ++changes;
    }
    if (part == HDPY_ITS_FILES && directory->fd < 0 && open_directories < OPEN_MAX_DIRECTORIES) {
        struct stat opened;

        directory->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory->fd >= 0 && (fstat(directory->fd, &opened) != 0
                                   || !is_at(directory, &opened))) {
            close(directory->fd);
            directory->fd = -1;
        }
        open_directories += directory->fd >= 0;
    }
    directory->references++;
    return directory;
}

void hdpy_notify_release(hdpy_directory *directory)
{
    hdpy_directory **place = &directories;
    int others = 0;

    if (directory->references && --directory->references)
        return;
    while (*place != directory)
        place = &(*place)->next;
    *place = directory->next;
    for (const hdpy_directory *other = directories; other; other = other->next)
        others += other->watch == directory->watch;
    if (directory->watch >= 0 && !others)
        inotify_rm_watch(fds[QUEUE], directory->watch);
    if (directory->fd >= 0) {
        close(directory->fd);
        open_directories--;
    }
    free(directory);
}

int hdpy_notify_tells_of(const char *path)
{
    struct statx file, directory;
    const char *slash = strrchr(path, '/');
    char *parent;
    int failed;

    if (!slash || !hdpy_notify_knows(slash + 1))
        return 0;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &file) != 0)
        return errno == ENOENT; /* should it come to be, that is an event */
    if (!S_ISREG(file.stx_mode) || file.stx_nlink != 1)
        return 0;
    parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    failed = !parent || statx(AT_FDCWD, parent, 0, STATX_MNT_ID, &directory) != 0;
    free(parent);
    return !failed && file.stx_mask & directory.stx_mask & STATX_MNT_ID
        && file.stx_mnt_id == directory.stx_mnt_id;
}

int hdpy_notify_is_in_place(const hdpy_directory *directory, hdpy_entered *entered)
{
    struct stat status;

    if (strcmp(directory->path, entered->path))
        return stat(directory->path, &status) == 0 && is_at(directory, &status);
    if (!entered->is_known) { /* a third of the time of a stat() by the path */
        if (fstatat(AT_FDCWD, "", &status, AT_EMPTY_PATH) != 0)
            return 0;
        entered->is_known = 1;
        entered->device = status.st_dev;
        entered->inode = status.st_ino;
    }
    return entered->inode == directory->inode && entered->device == directory->device;
}

int hdpy_notify_enter(const hdpy_directory *directory, hdpy_entered *entered)
{
    struct stat status;

    if (directory->fd >= 0) {
        if (fchdir(directory->fd) != 0)
            return -1;
    } else {
        if (chdir(directory->path) != 0 || fstatat(AT_FDCWD, "", &status, AT_EMPTY_PATH) != 0)
            return -1;
        errno = ENOENT;
        if (!is_at(directory, &status))
            return -1;
    }
    entered->is_known = 1;
    entered->device = directory->device;
    entered->inode = directory->inode;
    return 0;
}

/* ---- events -------------------------------------------------------------------------------- */

int hdpy_notify_knows(const char *name)
{
    size_t length = strlen(name);

    return (length > 3 && !strcmp(name + length - 3, ".py")) || hdpy_notify_is_stand_in(name);
}

int hdpy_notify_is_stand_in(const char *name)
{
    const char *slash = strrchr(name, '/');

    return !strncmp(slash ? slash + 1 : name, STAND_IN, sizeof(STAND_IN) - 1);
}

static int is_settings_name(const char *name)
{
    for (int i = 0; i < settings_names->nelts; i++)
        if (!strcmp(name, APR_ARRAY_IDX(settings_names, i, const char *)))
            return 1;
    return 0;
}

static void take_notice(const struct inotify_event *event)
{
    int of_all = !event->len;
    int of_python_files = of_all || hdpy_notify_knows(event->name);
    int of_settings = of_all || is_settings_name(event->name);

    if (!of_python_files && !of_settings)
        return;
    for (hdpy_directory *directory = directories; directory; directory = directory->next) {
        if (!(event->mask & IN_Q_OVERFLOW) && directory->watch != event->wd)
            continue;
        if (event->mask & IN_IGNORED) /* it has been deleted or unmounted */
            directory->watch = UNWATCHED;
        if (of_python_files)
            directory->python_files = ++changes;
        if (of_settings)
            directory->settings = ++changes;
    }
}

static void read_queue(void)
{
    _Alignas(struct inotify_event) char events[16 * EVENT_SIZE_MAX];
    ssize_t size;

    do {
        size = read(fds[QUEUE], events, sizeof(events));
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(events + at);

            take_notice(event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    } while (size > (ssize_t)(sizeof(events) - EVENT_SIZE_MAX)); /* there may be more */
}

/* Nothing is waiting, and no one has taken something and is not through. */
void hdpy_notify_catch_up(void)
{
    struct epoll_event now[COUNT];
    int count = fds[TOLD] >= 0 ? epoll_wait(fds[TOLD], now, COUNT, 0) : 0;

    if (fds[QUEUE] < 0 || (count == 0 && !is_reading))
        return;
    for (int i = 0; i < count; i++)
        if (now[i].data.fd == MOUNTS)
            mounts = ++changes;
    apr_thread_mutex_lock(reading);
    is_reading = 1;
    read_queue();
    is_reading = 0;
    apr_thread_mutex_unlock(reading);
}

uint64_t hdpy_notify_python_files(const hdpy_directory *directory)
{
    uint64_t mounted = mounts, changed = directory->python_files;

    return directory->watch == UNWATCHED ? 0 : changed > mounted ? changed : mounted;
}

uint64_t hdpy_notify_settings(const hdpy_directory *directory)
{
    return directory->watch == UNWATCHED ? 0 : directory->settings;
}

uint64_t hdpy_notify_mounts(void)
{
    return mounts;
}
