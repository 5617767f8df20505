/* The body of a request, read as it arrives. */
#ifndef HTTPDAPY_BODY_H
#define HTTPDAPY_BODY_H

#include "httpd.h"

/* Part of a request; zero but for `r` to begin with. */
typedef struct {
    request_rec *r;
    apr_bucket_brigade *bb;
    char *ahead;           /* what was read for a line, and is not taken yet: bytes start to end */
    apr_size_t start, end;
    int is_over;           /* the end was seen */
    apr_status_t error;    /* reading has failed; it stays so */
} hdpy_body;

/* Read `size` bytes into `buffer`; fewer, `*length`, only at the end.  Waits for the client. */
apr_status_t hdpy_body_read(hdpy_body *body, char *buffer, apr_size_t size, apr_size_t *length);

/* The next bytes, at least one but at the end, without taking them.  Waits for the client. */
apr_status_t hdpy_body_peek(hdpy_body *body, const char **data, apr_size_t *length);

/* Take bytes that hdpy_body_peek() has shown. */
void hdpy_body_take(hdpy_body *body, apr_size_t length);

#endif
