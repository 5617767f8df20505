/* The files that handlers stand on besides their own.
 *
 * A handler is loaded again when a module that it imports changes.  os.stat() for each of them in
 * each request would take and give up the GIL as often: with ten helpers and eight connections,
 * nearly half of the requests were lost.  So Python names the files once, in a response header, and
 * gets with each request one word for how they all look, which it compares with the last that it
 * has verified itself.
 */
#include "watch.h"

#include "apr_hash.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "apr_thread_rwlock.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One handler's files.  On the heap, since they are replaced as long as the process lives. */
typedef struct {
    unsigned long number; /* Python's, to tell its lists apart */
    size_t count;
    char **paths; /* absolute */
} watched;

/* key -> watched.  Keys are as many as there are modules that answer; they and the hash live in the child's
 * pool, which is why only a new key allocates from it, under the lock. */
static apr_hash_t *table;
static apr_pool_t *table_pool;
static apr_thread_rwlock_t *lock;

void hdpy_watch_init(apr_pool_t *p)
{
    apr_pool_create(&table_pool, p);
    table = apr_hash_make(table_pool);
    if (apr_thread_rwlock_create(&lock, table_pool) != APR_SUCCESS)
        table = NULL; /* then nothing is watched, and Python looks itself */
}

static void free_watched(watched *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
    free(files);
}

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
    watched *files = calloc(1, sizeof(*files));
    size_t room = 1;
    char *end;

    if (!files)
        return NULL;
    for (const char *c = text; *c; c++)
        room += *c == ' ';
    files->number = strtoul(text, &end, 10);
    files->paths = calloc(room, sizeof(char *));
    while (files->paths && *end == ' ') {
        const char *word = end + 1;
        size_t length = strcspn(word, " ");
        char *path = decode(word, length);

        if (!path)
            break;
        files->paths[files->count++] = path;
        end += 1 + length;
    }
    if (!files->paths || *end) {
        free_watched(files);
        return NULL;
    }
    return files;
}

void hdpy_watch_set(const char *key, const char *text)
{
    watched *files = table ? parse(text) : NULL;
    watched *old;

    if (!files)
        return;
    apr_thread_rwlock_wrlock(lock);
    old = apr_hash_get(table, key, APR_HASH_KEY_STRING);
    apr_hash_set(table, old ? key : apr_pstrdup(table_pool, key), APR_HASH_KEY_STRING, files);
    apr_thread_rwlock_unlock(lock);
    if (old)
        free_watched(old);
}

/* Multiplicative hashing with the golden ratio's bits: every bit of the value reaches the high half
 * of the product, and from there the low one. */
static uint64_t fold(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 32;
}

const char *hdpy_watch_look(apr_pool_t *p, const char *key)
{
    uint64_t hash = 1;
    unsigned long number = 0;
    const watched *files;

    if (!table)
        return "";
    apr_thread_rwlock_rdlock(lock);
    files = apr_hash_get(table, key, APR_HASH_KEY_STRING);
    if (files) {
        number = files->number;
        for (size_t i = 0; i < files->count; i++) {
            struct stat status;

            if (stat(files->paths[i], &status) != 0) {
                hash = fold(hash, 0);
                continue;
            }
            hash = fold(hash, (uint64_t)status.st_mtim.tv_sec);
            hash = fold(hash, (uint64_t)status.st_mtim.tv_nsec);
            hash = fold(hash, (uint64_t)status.st_size);
            hash = fold(hash, (uint64_t)status.st_ino);
        }
    }
    apr_thread_rwlock_unlock(lock);
    return files ? apr_psprintf(p, "%lu %" APR_UINT64_T_HEX_FMT, number, hash) : "";
}
