/* A client's connection becomes another process's: an open WebSocket has no need of Apache.
 *
 * mod_proxy would keep a thread for as long as it is open, which copies each message from one socket to
 * another and wakes up twice for a round trip.  Instead, the process that has accepted the WebSocket
 * gets the client's socket itself, as a descriptor in a datagram, and Apache closes its own.
 */
#include "handover.h"

#include "http_config.h"
#include "http_core.h"
#include "http_ssl.h"
#include "util_filter.h"
#include "apr_portable.h"
#include "apr_strings.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "linger.h"

/* Filters that have nothing to do with what the bytes are: one that watches over a request's time, one
 * that counts, and the socket's own. */
static int are_plain(const ap_filter_t *f)
{
    static const char *const known[] = {"reqtimeout", "log_input_output", "core_in", "core"};

    for (; f; f = f->next) {
        int is_known = 0;

        for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++)
            is_known |= !strcmp(f->frec->name, known[i]);
        if (!is_known)
            return 0;
    }
    return 1;
}

int hdpy_handover_is_possible(request_rec *r)
{
    conn_rec *c = r->connection;

    return !c->master && !ap_ssl_conn_is_ssl(c) && ap_get_conn_socket(c)
        && are_plain(c->input_filters) && are_plain(c->output_filters)
        && !apr_table_get(r->headers_in, "Content-Length")
        && !apr_table_get(r->headers_in, "Transfer-Encoding") && !hdpy_linger_has_more(r);
}

/* Send `text` and the descriptor `fd` to `address`. */
static apr_status_t send_descriptor(int to, struct sockaddr_un *address, const char *text, int fd)
{
    union {
        char data[CMSG_SPACE(sizeof(fd))];
        struct cmsghdr aligned;
    } control = {{0}};
    struct iovec data = {.iov_base = (char *)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_name = address, .msg_namelen = sizeof(*address),
                             .msg_iov = &data, .msg_iovlen = 1,
                             .msg_control = control.data, .msg_controllen = sizeof(control.data)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    ssize_t sent;

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    do
        sent = sendmsg(to, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? errno : APR_SUCCESS;
}

/* A busy process takes datagrams one by one, and we wait for our turn as long as for an answer. */
static void wait_at_most(int socket, apr_interval_time_t time)
{
    struct timeval most = {.tv_sec = apr_time_sec(time), .tv_usec = apr_time_usec(time)};

    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
}

apr_status_t hdpy_handover(request_rec *r, const char *where)
{
    conn_rec *c = r->connection;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *token = strchr(where, ' ');
    apr_os_sock_t client;
    apr_status_t status;
    int to;

    if (!token || (size_t)(token - where) >= sizeof(address.sun_path))
        return APR_EINVAL;
    memcpy(address.sun_path, where, (size_t)(token - where));
    status = apr_os_sock_get(&client, ap_get_conn_socket(c));
    if (status != APR_SUCCESS)
        return status;
    to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (to < 0)
        return errno;
    wait_at_most(to, r->server->timeout);
    status = send_descriptor(to, &address, token + 1, client);
    close(to);
    if (status != APR_SUCCESS)
        return status;
    r->eos_sent = 1;
    c->keepalive = AP_CONN_CLOSE;
    c->aborted = 1; /* so it is closed, and not shut down, which would be for the other process, too */
    return APR_SUCCESS;
}
