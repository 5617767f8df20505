/* The directives of a directory, and the settings that a request has of them. */
#ifndef HTTPDAPY_SETTINGS_H
#define HTTPDAPY_SETTINGS_H

#include "httpd.h"
#include "http_config.h"

#define HDPY_UNSET (-1)
#define HDPY_REPLICAS_AUTO 0

/* One per directory.  Lives in the pool of the configuration, or of the request for .htaccess. */
typedef struct {
    apr_table_t *options;     /* name -> value; NULL: none set here */
    apr_table_t *option_dirs; /* name -> directory the line stands in, "" in the server's own */
    const char *interpreter;  /* NULL: unset */
    int replicas;             /* HDPY_UNSET, HDPY_REPLICAS_AUTO or a number */
    const char *auth_module;  /* NULL: unset */
    const char *auth_dir;     /* directory of that line, "" in the server's own */
    int requires_user;        /* a Require for all methods, there or below, wants a user */
    int static_files;         /* HDPY_UNSET, 0 or 1 */
    const char *static_dir;   /* directory of that line, and where it really lies; "" for "/" */
    const char *static_real;
} hdpy_dir_conf;

/* One per server.  Lives in the configuration's pool. */
typedef struct {
    const char *report_token; /* what a request for a report must bring; NULL: there are none */
    const char *init_module;  /* of PythonInitFunction, in the main server's only; NULL: unset */
    const char *init_statement;
    unsigned threads;         /* of PythonThreads, in the main server's only; 0: unset */
    int takes_plain;          /* of TLSOrPlain, in the virtual host's only */
} hdpy_server_conf;

/* A walk that is kept, and notes of one that may be; see walk.c. */
typedef struct hdpy_walk hdpy_walk;
typedef struct hdpy_walk_notes hdpy_walk_notes;

/* What the link knows of a request.  Lives in its pool. */
typedef struct {
    const struct hdpy_decision *decision; /* of an AuthHandler; NULL: none was asked */
    const hdpy_walk *walk;                /* by which Apache has come to the script, or NULL */
    int wants_walk;                       /* one is to be kept for the next request */
    hdpy_walk_notes *walk_notes;          /* while it is being made */
} hdpy_request_conf;

/* For the module record. */
extern const command_rec hdpy_directives[];
void *hdpy_create_dir_conf(apr_pool_t *p, char *dir);
void *hdpy_merge_dir_conf(apr_pool_t *p, void *base, void *add);
void *hdpy_create_server_conf(apr_pool_t *p, server_rec *s);

const hdpy_dir_conf *hdpy_settings(request_rec *r);

hdpy_request_conf *hdpy_request_conf_of(request_rec *r);

/* Value of an option, its name in any case; NULL where it is not set. */
const char *hdpy_option(const hdpy_dir_conf *conf, const char *name);

/* Whether a switch is on: set to anything but 0, off, no, false or nothing, or else `otherwise`. */
int hdpy_option_is_on(const hdpy_dir_conf *conf, const char *name, int otherwise);

/* The settings in force as lines: the directory, then name, value and directory of each option in
 * turn, and of each other directive that is set, with a \1 before its name and without a directory.
 * interpreters/settings.py reads them. */
const char *hdpy_settings_text(apr_pool_t *p, const hdpy_dir_conf *conf, const char *directory);

#endif
