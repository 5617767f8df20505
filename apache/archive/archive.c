/* An archive that is served: the file of a path, as it is now.
 *
 * A file that is no archive may become one: somebody is writing it.  As long as it goes on
 * changing, and a moment longer, what was there before answers; where that is gone, since it is the
 * very file that is written anew, requests wait.
 */
#include "archive.h"

#include "http_log.h"
#include "apr_strings.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

extern module AP_MODULE_DECLARE_DATA httpdapy_archive_module;
APLOG_USE_MODULE(httpdapy_archive);

struct hdpy_archive {
    const char *path;
    pthread_mutex_t lock;     /* of what follows; held for a moment */
    hdpy_version *current;    /* NULL: there was none yet */
    pthread_mutex_t loading;  /* of what follows; held while the file is read anew */
    hdpy_stamp failed;        /* of the file with which it was found wrong */
    int64_t failed_since_us;  /* 0: it is not wrong */
    int failure;              /* as hdpy_version_load() has it */
    int is_said;              /* the log says so */
    hdpy_zip_error error;
};

hdpy_archive *hdpy_archive_new(apr_pool_t *p, const char *path)
{
    hdpy_archive *archive = apr_pcalloc(p, sizeof(*archive));

    archive->path = path;
    pthread_mutex_init(&archive->lock, NULL);
    pthread_mutex_init(&archive->loading, NULL);
    return archive;
}

const char *hdpy_archive_path(const hdpy_archive *archive)
{
    return archive->path;
}

/* ---- what the log says --------------------------------------------------------------------- */

static const char *reason(apr_pool_t *p, int failure, const hdpy_zip_error *error)
{
    switch (failure) {
    case -1:
        return error->text;
    case HDPY_CHANGED:
        return "changes all the time";
    case ENOENT:
        return "is not there";
    case EACCES:
        return "cannot be read (Permission denied); Apache's user needs the r permission on it, "
               "and the x permission on the directories above";
    default:
        return apr_psprintf(p, "cannot be read (%s)", strerror(failure));
    }
}

static const char *left_out(apr_pool_t *p, const hdpy_zip *zip)
{
    const char *first;
    uint32_t count = hdpy_zip_left_out(zip, &first);

    return count ? apr_psprintf(p, "%u members are left out, since no URL has their names; the "
                                   "first is '%s'", count, first)
                 : NULL;
}

void hdpy_archive_check(const hdpy_archive *archive, server_rec *s)
{
    hdpy_version *version = NULL;
    hdpy_stamp stamp;
    hdpy_zip_error error;
    apr_pool_t *p;
    int failure = hdpy_version_load(&version, archive->path, &stamp, &error);
    const char *text;

    apr_pool_create(&p, s->process->pool);
    if (failure) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "HDPY0020: ArchiveAlias: %s %s; its URLs are "
                     "answered with 503 until it is right", archive->path,
                     reason(p, failure, &error));
    } else {
        text = left_out(p, version->zip);
        if (text)
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "HDPY0021: ArchiveAlias: %s: %s",
                         archive->path, text);
        hdpy_version_release(version);
    }
    apr_pool_destroy(p);
}

/* ---- the current version ------------------------------------------------------------------- */

/* A reference to the current version if the file still looks so, and can have changed no more. */
static hdpy_version *current_if_same(hdpy_archive *archive, const hdpy_stamp *stamp)
{
    hdpy_version *version = NULL;

    pthread_mutex_lock(&archive->lock);
    if (archive->current && archive->current->is_settled
        && hdpy_stamp_is_same(&archive->current->stamp, stamp))
        version = hdpy_version_hold(archive->current);
    pthread_mutex_unlock(&archive->lock);
    return version;
}

static void set_current(hdpy_archive *archive, hdpy_version *version)
{
    hdpy_version *before;

    pthread_mutex_lock(&archive->lock);
    before = archive->current;
    archive->current = hdpy_version_hold(version);
    pthread_mutex_unlock(&archive->lock);
    if (before)
        hdpy_version_release(before);
}

/* A reference to the version before, if its bytes are still there. */
static hdpy_version *current_if_whole(hdpy_archive *archive)
{
    hdpy_version *version = NULL;

    pthread_mutex_lock(&archive->lock);
    if (archive->current && hdpy_version_is_whole(archive->current))
        version = hdpy_version_hold(archive->current);
    pthread_mutex_unlock(&archive->lock);
    return version;
}

/* The file, read anew, as the current version; NULL if it is wrong.  seen: how it looked before.  One
 * thread at a time. */
static hdpy_version *load(hdpy_archive *archive, const hdpy_stamp *seen)
{
    hdpy_version *version = NULL;
    hdpy_stamp stamp = {0};
    int failure = hdpy_version_load(&version, archive->path, &stamp, &archive->error);

    if (!failure) {
        archive->failed_since_us = 0;
        archive->is_said = 0;
        set_current(archive, version);
        return version;
    }
    if (!stamp.inode)
        stamp = *seen; /* it could not be opened */
    if (!archive->failed_since_us || !hdpy_stamp_is_same(&archive->failed, &stamp)
        || archive->failure != failure) {
        archive->failed_since_us = hdpy_now_us();
        archive->failed = stamp;
        archive->failure = failure;
        archive->is_said = 0;
    }
    return NULL;
}

void hdpy_archive_preload(hdpy_archive *archive)
{
    hdpy_stamp stamp = {0};
    hdpy_version *version;

    hdpy_stamp_get(&stamp, archive->path);
    version = load(archive, &stamp);
    if (version)
        hdpy_version_release(version);
}

/* Whether the file was found wrong as it looks now, and no longer changes. */
static int is_given_up(const hdpy_archive *archive, const hdpy_stamp *stamp, int missing)
{
    int64_t since = archive->failed_since_us;

    if (!since || (missing ? archive->failure != missing
                           : !hdpy_stamp_is_same(&archive->failed, stamp)))
        return 0;
    if (archive->failed.changed_us > since - HDPY_WRITTEN_US && archive->failed.changed_us < since)
        since = archive->failed.changed_us;
    return hdpy_now_us() - since > HDPY_WRITTEN_US;
}

static void say_failure(hdpy_archive *archive, request_rec *r)
{
    if (archive->is_said)
        return;
    archive->is_said = 1;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "HDPY0022: ArchiveAlias: %s %s; its URLs are "
                  "answered with 503 until it is right", archive->path,
                  reason(r->pool, archive->failure, &archive->error));
}

static void say_left_out(const hdpy_archive *archive, const hdpy_version *version, request_rec *r)
{
    const char *text = left_out(r->pool, version->zip);

    if (text)
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "HDPY0023: ArchiveAlias: %s: %s",
                      archive->path, text);
}

/* One look at a file that has changed: its version; or NULL, with *wait set if another look may
 * find more. */
static hdpy_version *look(hdpy_archive *archive, request_rec *r, int *wait)
{
    hdpy_stamp stamp = {0};
    hdpy_version *version = NULL;
    int missing, given_up;

    pthread_mutex_lock(&archive->loading);
    missing = hdpy_stamp_get(&stamp, archive->path);
    if (!missing)
        version = current_if_same(archive, &stamp); /* another thread was here */
    given_up = is_given_up(archive, &stamp, missing);
    *wait = 0;
    if (!version && (!given_up || archive->failure > 0)) { /* an errno may be gone by itself */
        version = load(archive, &stamp);
        if (version && version->is_settled)
            say_left_out(archive, version, r);
    }
    if (!version && !given_up) {
        version = current_if_whole(archive);
        *wait = archive->current != NULL;
    }
    if (!version && !*wait)
        say_failure(archive, r);
    pthread_mutex_unlock(&archive->loading);
    return version;
}

hdpy_version *hdpy_archive_get(hdpy_archive *archive, request_rec *r)
{
    static const struct timespec pause = {0, HDPY_LOOK_US * 1000};
    hdpy_stamp stamp;
    hdpy_version *version = NULL;
    int wait = 1;

    if (!hdpy_stamp_get(&stamp, archive->path))
        version = current_if_same(archive, &stamp);
    for (int64_t waited = 0; !version && wait && waited < HDPY_WAIT_US; waited += HDPY_LOOK_US) {
        if (waited)
            nanosleep(&pause, NULL);
        version = look(archive, r, &wait);
    }
    return version;
}
