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
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "settings.h"

APLOG_USE_MODULE(httpdapy);

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

static int is_inside(request_rec *r, const char *root)
{
    char path[PATH_MAX];
    int fd = open(r->filename, O_PATH | O_CLOEXEC);
    int failed;

    if (fd < 0)
        return 1; /* nothing to be sent: Apache says why */
    failed = real_path(fd, path, sizeof(path));
    if (failed)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, errno, r, "HDPY0014: cannot find out where %s lies; "
                      "/proc has to be mounted", r->filename);
    close(fd);
    if (!failed && below(path, root))
        return 1;
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
