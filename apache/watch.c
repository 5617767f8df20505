/* The files that handlers stand on besides their own.
 *
 * A handler is loaded again when a module that it imports changes.  os.stat() for each of them in
 * each request would take and give up the GIL as often: with ten helpers and eight connections,
 * nearly half of the requests were lost, and ten stat() without the GIL are still a fifth.  So Python
 * names the files once, and gets with each request one word, which it compares with the last that it
 * has verified itself: the word changes whenever a file may have.  The kernel tells what happens in
 * the directories of the files; a file that it cannot tell of is looked at each time.
 */
#include "watch.h"

#include "apr_hash.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "notify.h"

typedef struct {
    char *path;        /* absolute */
    size_t folder;     /* its directory, in watched.folders */
    atomic_int is_odd; /* some changes of it are no events in its directory */
} watched_file;

typedef struct {
    hdpy_directory *directory; /* NULL: the kernel does not tell */
    _Atomic uint64_t changed;  /* as it was when its odd files were found */
    atomic_int has_odd;
} watched_folder;

/* One handler's files.  On the heap, since they are replaced as long as the process lives. */
typedef struct {
    unsigned long number; /* Python's, to tell its lists apart */
    size_t file_count;
    watched_file *files;
    size_t folder_count;
    watched_folder *folders;
} watched;

struct hdpy_watched {
    watched *list; /* NULL: none were named yet */
};

/* key -> hdpy_watched, under notify's lock.  Keys are as many as there are modules that answer; they and the hash live in the child's
 * pool, which is why only a new key allocates from it, under the lock. */
static apr_hash_t *table;
static apr_pool_t *table_pool;

void hdpy_watch_init(apr_pool_t *p)
{
    apr_pool_create(&table_pool, p);
    table = apr_hash_make(table_pool);
}

static void free_watched(watched *list)
{
    for (size_t i = 0; i < list->file_count; i++)
        free(list->files[i].path);
    for (size_t i = 0; i < list->folder_count; i++)
        if (list->folders[i].directory)
            hdpy_notify_release(list->folders[i].directory);
    free(list->files);
    free(list->folders);
    free(list);
}

/* ---- Python's list --------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes that `length` hexadecimal digits stand for, or NULL if they are none. */
static char *decode(const char *digits, size_t length)
{
    char *path = length % 2 ? NULL : malloc(length / 2 + 1);

    if (!path)
        return NULL;
    for (size_t i = 0; i < length / 2; i++) {
        int high = hex_digit(digits[2 * i]), low = hex_digit(digits[2 * i + 1]);

        if (high < 0 || low < 0) {
            free(path);
            return NULL;
        }
        path[i] = (char)(high << 4 | low);
    }
    path[length / 2] = '\0';
    return path;
}

static watched *parse(const char *text)
{
    watched *list = calloc(1, sizeof(*list));
    size_t room = 1;
    char *end;

    if (!list)
        return NULL;
    for (const char *c = text; *c; c++)
        room += *c == ' ';
    list->number = strtoul(text, &end, 10);
    list->files = calloc(room, sizeof(*list->files));
    list->folders = calloc(room, sizeof(*list->folders));
    while (list->files && list->folders && *end == ' ') {
        const char *word = end + 1;
        size_t length = strcspn(word, " ");
        char *path = decode(word, length);

        if (!path)
            break;
        list->files[list->file_count++].path = path;
        end += 1 + length;
    }
    if (!list->files || !list->folders || *end) {
        free_watched(list);
        return NULL;
    }
    return list;
}

/* ---- directories ----------------------------------------------------------------------------- */

/* Bytes of the path of the directory that a file is in. */
static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash != path ? (size_t)(slash - path) : 1;
}

static int are_together(const char *path, const char *other)
{
    size_t length = directory_length(path);

    return length == directory_length(other) && !strncmp(path, other, length);
}

/* Have the kernel tell of the files' directories; under the lock. */
static void watch_folders(watched *list)
{
    for (size_t i = 0; i < list->file_count; i++) {
        watched_file *file = &list->files[i];
        size_t first = 0;
        char *path;

        while (!are_together(list->files[first].path, file->path))
            first++;
        if (first < i) {
            file->folder = list->files[first].folder;
            continue;
        }
        path = strndup(file->path, directory_length(file->path));
        file->folder = list->folder_count++;
        list->folders[file->folder].directory = path ? hdpy_notify_take(path, HDPY_ITS_FILES) : NULL;
        free(path);
    }
}

static void find_odd(watched *list, size_t folder)
{
    int has_odd = 0;

    for (size_t i = 0; i < list->file_count; i++) {
        watched_file *file = &list->files[i];

        if (file->folder == folder)
            has_odd |= file->is_odd = !hdpy_notify_tells_of(file->path);
    }
    list->folders[folder].has_odd = has_odd;
}

/* ---- the word -------------------------------------------------------------------------------- */

/* Multiplicative hashing with the golden ratio's bits: every bit of the value reaches the high half
 * of the product, and from there the low one. */
static uint64_t fold(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 32;
}

static uint64_t fold_file(uint64_t hash, const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return fold(hash, 0);
    hash = fold(hash, (uint64_t)status.st_mtim.tv_sec);
    hash = fold(hash, (uint64_t)status.st_mtim.tv_nsec);
    hash = fold(hash, (uint64_t)status.st_size);
    return fold(hash, (uint64_t)status.st_ino);
}

static uint64_t fold_folder(uint64_t hash, watched *list, size_t number, hdpy_entered *entered)
{
    watched_folder *folder = &list->folders[number];
    uint64_t changed = folder->directory ? hdpy_notify_python_files(folder->directory) : 0;
    int is_told = changed && hdpy_notify_is_in_place(folder->directory, entered);

    if (is_told && folder->changed != changed) {
        find_odd(list, number);
        folder->changed = changed;
    }
    hash = fold(hash, changed);
    if (is_told && !folder->has_odd)
        return hash;
    for (size_t i = 0; i < list->file_count; i++) {
        const watched_file *file = &list->files[i];

        if (file->folder == number && (!is_told || file->is_odd))
            hash = fold_file(hash, file->path);
    }
    return hash;
}

hdpy_watched *hdpy_watch_find(const char *key)
{
    hdpy_watched *found;

    hdpy_notify_lock_to_read();
    found = apr_hash_get(table, key, APR_HASH_KEY_STRING);
    hdpy_notify_unlock();
    return found;
}

hdpy_watched *hdpy_watch_make(const char *key)
{
    hdpy_watched *found = apr_hash_get(table, key, APR_HASH_KEY_STRING);

    if (!found) {
        found = apr_pcalloc(table_pool, sizeof(*found));
        apr_hash_set(table, apr_pstrdup(table_pool, key), APR_HASH_KEY_STRING, found);
    }
    return found;
}

void hdpy_watch_set(const char *key, const char *text)
{
    watched *list = parse(text), *old;
    hdpy_watched *found;

    if (!list)
        return;
    hdpy_notify_lock_to_write();
    watch_folders(list);
    found = hdpy_watch_make(key);
    old = found->list;
    found->list = list;
    if (old)
        free_watched(old);
    hdpy_notify_unlock();
}

/* "number hash", without the quarter of a microsecond that apr_psprintf() takes. */
static const char *word(apr_pool_t *p, unsigned long number, uint64_t hash)
{
    size_t size = 3 * sizeof(number) + 2 * sizeof(hash) + 2; /* more than that are no digits */
    char *c = (char *)apr_palloc(p, size) + size - 1;

    *c = '\0';
    for (; hash; hash >>= 4)
        *--c = "0123456789abcdef"[hash & 15];
    *--c = ' ';
    do
        *--c = (char)('0' + number % 10);
    while (number /= 10);
    return c;
}

const char *hdpy_watch_look(apr_pool_t *p, const hdpy_watched *of, hdpy_entered *entered)
{
    uint64_t hash = 1;
    unsigned long number = 0;
    watched *list;

    if (!of)
        return "";
    hdpy_notify_lock_to_read();
    list = of->list;
    if (list) {
        number = list->number;
        if (!entered->is_known)
            hdpy_notify_catch_up();
        for (size_t i = 0; i < list->folder_count; i++)
            hash = fold_folder(hash, list, i, entered);
    }
    hdpy_notify_unlock();
    return list ? word(p, number, hash) : "";
}
