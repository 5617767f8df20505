/* The body of a request, read as it arrives. */
#include "body.h"

#include "http_protocol.h"
#include "util_filter.h"

#include <string.h>

#define AHEAD_SIZE 8192

/* Read what is there, up to `*length` bytes; none are the end. */
static apr_status_t receive(hdpy_body *body, char *buffer, apr_size_t *length)
{
    request_rec *r = body->r;

    if (!body->bb)
        body->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    body->error = ap_get_brigade(r->input_filters, body->bb, AP_MODE_READBYTES, APR_BLOCK_READ,
                                 (apr_off_t)*length);
    if (body->error == APR_SUCCESS) {
        if (APR_BRIGADE_EMPTY(body->bb) || APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(body->bb)))
            body->is_over = 1;
        body->error = apr_brigade_flatten(body->bb, buffer, length);
    }
    apr_brigade_cleanup(body->bb);
    if (body->error != APR_SUCCESS)
        r->connection->keepalive = AP_CONN_CLOSE; /* the rest is not to be taken for a request */
    return body->error;
}

apr_status_t hdpy_body_read(hdpy_body *body, char *buffer, apr_size_t size, apr_size_t *length)
{
    apr_size_t found = body->end - body->start;

    if (found > size)
        found = size;
    memcpy(buffer, body->ahead ? body->ahead + body->start : "", found);
    body->start += found;
    while (found < size && !body->is_over && body->error == APR_SUCCESS) {
        apr_size_t piece = size - found;

        if (receive(body, buffer + found, &piece) == APR_SUCCESS)
            found += piece;
    }
    *length = found;
    return body->error;
}

apr_status_t hdpy_body_peek(hdpy_body *body, const char **data, apr_size_t *length)
{
    if (!body->ahead)
        body->ahead = apr_palloc(body->r->pool, AHEAD_SIZE);
    while (body->start == body->end && !body->is_over && body->error == APR_SUCCESS) {
        apr_size_t piece = AHEAD_SIZE;

        body->start = body->end = 0;
        if (receive(body, body->ahead, &piece) == APR_SUCCESS)
            body->end = piece;
    }
    *data = body->ahead + body->start;
    *length = body->end - body->start;
    return *length ? APR_SUCCESS : body->error;
}

void hdpy_body_take(hdpy_body *body, apr_size_t length)
{
    body->start += length;
}
