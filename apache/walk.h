/* What Apache finds out on its way to a script, kept until something on the way changes. */
#ifndef HTTPDAPY_WALK_H
#define HTTPDAPY_WALK_H

#include "httpd.h"

#include "directory.h"
#include "settings.h"
#include "target.h"

/* For register_hooks(). */
void hdpy_walk_register(void);

/* In each child, before its threads run. */
void hdpy_walk_init(apr_pool_t *p);

/* The kept walk by which Apache came to the request's script, if its settings are those of the request;
 * or NULL. */
const hdpy_walk *hdpy_walk_of(request_rec *r);

/* Keep the walk to the script, which lies in that canonical directory, for the requests to come: if it
 * can be kept, and this one has not come by a kept one. */
void hdpy_walk_keep(request_rec *r, const char *directory);

/* Enter the script's directory and return its canonical path; NULL with errno set. */
const char *hdpy_walk_enter(const hdpy_walk *walk, request_rec *r, hdpy_entered *entered);

/* What this thread runs, but for how its files look. */
const hdpy_target *hdpy_walk_target(const hdpy_walk *walk);

/* For open_htaccess: Apache looks for an .htaccess file in a directory, and this is its text, NULL for
 * none, if it is known. */
void hdpy_walk_note(request_rec *r, const char *directory, const char *text, size_t length);
void hdpy_walk_note_unknown(request_rec *r);

#endif
