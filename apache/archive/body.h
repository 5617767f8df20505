/* What a member's answer is made of: the bytes in the archive, or those that come of them. */
#ifndef HTTPDAPY_BODY_H
#define HTTPDAPY_BODY_H

#include "httpd.h"
#include "apr_buckets.h"

#include "version.h"

/* Of one member, in one representation: as it is, or for a deflated member as a gzip file (RFC
 * 1952) around what the archive has. */
typedef struct hdpy_body hdpy_body;

apr_off_t hdpy_body_length(const hdpy_zip_member *member, int as_gzip);

/* Get the body ready: 0; -1 with the error, if the member is damaged; an errno; or HDPY_CHANGED.
 *
 * A member is unpacked and compared with its sum when it is asked for the first time: by now, if it
 * has not more than 64 MiB, or else while it is sent, the last bytes only if it is right; parts of
 * such a member are sent as they are.  Lives in the pool. */
int hdpy_body_make(hdpy_body **body, request_rec *r, hdpy_version *version,
                   hdpy_zip_member *member, int as_gzip, hdpy_zip_error *error);

/* Send all of it. */
apr_status_t hdpy_body_send(hdpy_body *body, request_rec *r);

#endif
