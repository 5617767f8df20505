/* What comes back from Python, on its way to the client. */
#ifndef HTTPDAPY_ANSWER_H
#define HTTPDAPY_ANSWER_H

#include "httpd.h"

/* One answer.  Lives in the request's pool. */
typedef struct hdpy_answer hdpy_answer;

/* Register the output filter; for register_hooks(). */
void hdpy_answer_register(void);

/* Before Python runs: look at what it sends.  watch_key: what its files are watched under. */
hdpy_answer *hdpy_answer_begin(request_rec *r, const char *watch_key);

/* After Python has run, with what its handler returned: send what is to be sent, and return the
 * status for Apache, never DECLINED. */
int hdpy_answer_end(request_rec *r, hdpy_answer *answer, int status);

#endif
