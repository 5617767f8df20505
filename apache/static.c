/* StaticFiles On: what lies below the section's directory is sent as it is.
 *
 * Only regular files are sent, and for GET only.  Forbidden are hidden ones, those in hidden
 * directories, and what a symbolic link has outside of the directory.  What a handler of Python answers
 * is left to it.
 */
#include "static.h"

#include "httpd.h"
#include "http_config.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "settings.h"

APLOG_USE_MODULE(httpdapy);

#define INSIDE_MAX 4096

/* Files that have been found inside, by inode_key(): finding out takes three system calls. */
static _Atomic uint64_t inside[INSIDE_MAX];

/* What follows `root` in `path`: "" or from a slash on; NULL if it is not below. */
static const char *below(const char *path, const char *root)
{
    size_t length = strlen(root);

    if (strncmp(path, root, length) != 0)
        return NULL;
    return path[length] == '\0' || path[length] == '/' ? path + length : NULL;
}

/* Where an open file really lies, 0 or -1 with errno. */
static int real_path(int fd, char *path, size_t size)
{
    char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, size);
    if (length < 0)
        return -1;
    if ((size_t)length == size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    path[length] = '\0';
    return 0;
}

static uint64_t mixed(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

/* Names an inode as it is since its last change, which moving it is as well, below `root`. */
static uint64_t inode_key(const apr_finfo_t *file, const char *root)
{
    uint64_t key = mixed((uintptr_t)root, (uint64_t)file->inode);

    return mixed(mixed(key, (uint64_t)file->device), (uint64_t)file->ctime);
}

static int is_inside(request_rec *r, const char *root)
{
    uint64_t key = inode_key(&r->finfo, root);
    _Atomic uint64_t *known = &inside[key % INSIDE_MAX];
    char path[PATH_MAX];
    int fd, failed;

    if (atomic_load_explicit(known, memory_order_relaxed) == key)
        return 1;
    fd = open(r->filename, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return 1; /* nothing to be sent: Apache says why */
    failed = real_path(fd, path, sizeof(path));
    if (failed)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, errno, r, "HDPY0014: cannot find out where %s lies; "
                      "/proc has to be mounted", r->filename);
    close(fd);
    if (!failed && below(path, root)) {
        atomic_store_explicit(known, key, memory_order_relaxed);
        return 1;
    }
    if (!failed)
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "HDPY0015: %s lies at %s, outside of %s; "
                      "symbolic links are followed only inside of it", r->filename, path, root);
    return 0;
}

/* A fixup: by then the handler is known. */
static int check(request_rec *r)
{
    const hdpy_dir_conf *conf = hdpy_settings(r);
    const char *rest;

    if (conf->static_files != 1 || (r->handler && !strcmp(r->handler, HDPY_HANDLER)))
        return DECLINED;
    rest = below(r->filename, conf->static_dir);
    if (!rest || strstr(rest, "/."))
        return HTTP_FORBIDDEN;
    if (r->finfo.filetype != APR_NOFILE && !(r->finfo.valid & APR_FINFO_INODE))
        return DECLINED; /* no file: a member of an archive that lies here */
    if (r->finfo.filetype != APR_REG)
        return HTTP_NOT_FOUND;
    if (r->method_number != M_GET && r->method_number != M_OPTIONS) {
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_OPTIONS, -1);
        return HTTP_METHOD_NOT_ALLOWED;
    }
    return is_inside(r, conf->static_real) ? DECLINED : HTTP_FORBIDDEN;
}

void hdpy_static_register(void)
{
    ap_hook_fixups(check, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
