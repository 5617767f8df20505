/* The answer to a request, on its way from Python to the client. */
#ifndef HTTPDAPY_ANSWER_H
#define HTTPDAPY_ANSWER_H

#include "httpd.h"

#include "outbox.h"

/* One answer.  Lives in the request's pool. */
typedef struct hdpy_answer hdpy_answer;

/* Register the output filter; for register_hooks(). */
void hdpy_answer_register(void);

/* ---- the WSGI and the proxied way: others send, a filter looks at it ------------------------ */

/* Before mod_wsgi or mod_proxy runs.  watch_key: what its files are watched under. */
hdpy_answer *hdpy_answer_filter(request_rec *r, const char *watch_key);

/* It comes from an event loop's server, which writes headers in small letters. */
void hdpy_answer_is_loops(hdpy_answer *answer);

/* The answer may be that the client's connection is to be handed over. */
void hdpy_answer_may_hand_over(hdpy_answer *answer);

/* Whether anything has come. */
int hdpy_answer_has_begun(const hdpy_answer *answer);

/* ---- the direct way: we send ---------------------------------------------------------------- */

hdpy_answer *hdpy_answer_new(request_rec *r);

/* Status and headers are in the request_rec: let the answer begin. */
void hdpy_answer_begin(hdpy_answer *answer);

/* Send bytes at once, up to the declared Content-Length; none: what waits to be sent.  An error is
 * a client that is no longer there. */
apr_status_t hdpy_answer_write(hdpy_answer *answer, const char *data, apr_size_t length);

/* Send a part of a file at once. */
apr_status_t hdpy_answer_write_file(hdpy_answer *answer, apr_file_t *file, apr_off_t offset,
                                    apr_off_t length);

/* Where bytes wait that are sent soon: by hdpy_answer_write() and what else sends, or by another
 * thread in some milliseconds.  Made when first asked for; see outbox.h. */
hdpy_outbox *hdpy_answer_outbox(hdpy_answer *answer);

/* Keep a copy of the whole small body, to be sent by hdpy_answer_end(). */
void hdpy_answer_keep(hdpy_answer *answer, const char *data, apr_size_t length);

/* Let Apache make the answer, its document for r->status; reason: for the log. */
void hdpy_answer_use_document(hdpy_answer *answer, const char *reason);

/* Have Apache answer with what it has at a path of its own; the headers of r go with it. */
void hdpy_answer_use_redirect(hdpy_answer *answer, const char *location);

/* An input filter has answered the client: there is nothing left to send. */
void hdpy_answer_leave(hdpy_answer *answer);

/* Whether anything has gone out, if only the headers, or will soon. */
int hdpy_answer_has_sent(const hdpy_answer *answer);

/* What was written is not all of the answer. */
void hdpy_answer_cut_short(hdpy_answer *answer);

/* ---- both ----------------------------------------------------------------------------------- */

/* After Python has run, with what its handler returned: send what is to be sent, and return the
 * status for Apache, never DECLINED. */
int hdpy_answer_end(hdpy_answer *answer, int status);

#endif
