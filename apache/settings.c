/* The directives of a directory, and the settings that a request has of them.
 *
 * AuthPythonModule is AuthConfig, the others FileInfo, so all go anywhere up to .htaccess; each level
 * adds to those above it:
 *
 *   PythonOption name value       none          for the handler; later and deeper ones win
 *   PythonInterpreter name        its directory share one interpreter by name
 *   PythonReplicas number|auto    1             interpreters for one directory in one process
 *   AuthPythonModule module       none          has the AuthHandler that decides who may pass
 *
 * StaticFiles stands in <Directory> sections; see static.c.  PythonInitFunction and
 * PythonThreads are for the server as a whole; see startup.c and turns.c.
 */
#include "settings.h"

#include "http_core.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "naming.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;

#define REPLICAS_MAX 256
#define THREADS_MAX 20000 /* Apache's own limit of ThreadsPerChild */
#define DIRECTIVE "\1" /* what no option's name begins with */
#define ALL_METHODS APR_INT64_MAX /* without the sign, which mod_authz_core takes away in sections */

void *hdpy_create_dir_conf(apr_pool_t *p, char *dir)
{
    hdpy_dir_conf *conf = apr_pcalloc(p, sizeof(*conf));

    conf->replicas = HDPY_UNSET;
    conf->static_files = HDPY_UNSET;
    return conf;
}

static apr_table_t *merge_tables(apr_pool_t *p, const apr_table_t *base, const apr_table_t *add)
{
    apr_table_t *merged;

    if (!base)
        return (apr_table_t *)add;
    merged = apr_table_copy(p, base);
    if (add)
        apr_table_overlap(merged, add, APR_OVERLAP_TABLES_SET);
    return merged;
}

void *hdpy_merge_dir_conf(apr_pool_t *p, void *base_conf, void *add_conf)
{
    const hdpy_dir_conf *base = base_conf;
    const hdpy_dir_conf *add = add_conf;
    hdpy_dir_conf *conf = apr_pcalloc(p, sizeof(*conf));

    conf->options = merge_tables(p, base->options, add->options);
    conf->option_dirs = merge_tables(p, base->option_dirs, add->option_dirs);
    conf->interpreter = add->interpreter ? add->interpreter : base->interpreter;
    conf->replicas = add->replicas != HDPY_UNSET ? add->replicas : base->replicas;
    conf->auth_module = add->auth_module ? add->auth_module : base->auth_module;
    conf->auth_dir = add->auth_module ? add->auth_dir : base->auth_dir;
    conf->requires_user = add->requires_user || (!add->auth_module && base->requires_user);
    conf->static_files = add->static_files != HDPY_UNSET ? add->static_files : base->static_files;
    conf->static_dir = add->static_dir ? add->static_dir : base->static_dir;
    conf->static_real = add->static_dir ? add->static_real : base->static_real;
    return conf;
}

void *hdpy_create_server_conf(apr_pool_t *p, server_rec *s)
{
    return apr_pcalloc(p, sizeof(hdpy_server_conf));
}

/* The directory a directive stands in: that of its .htaccess or its <Directory>, else "". */
static const char *directive_directory(cmd_parms *cmd)
{
    const ap_directive_t *section;
    const char *end;

    if (ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        end = strrchr(cmd->config_file->name, '/');
        return end ? apr_pstrmemdup(cmd->pool, cmd->config_file->name,
                                    (apr_size_t)(end - cmd->config_file->name))
                   : "";
    }
    for (section = cmd->directive; section; section = section->parent) {
        if (!strcasecmp(section->directive, "<Directory")) {
            const char *args = section->args;
            char *path = ap_getword_conf(cmd->pool, &args);
            apr_size_t length = strlen(path);

            if (length && path[length - 1] == '>')
                path[--length] = '\0';
            while (length > 1 && path[length - 1] == '/')
                path[--length] = '\0';
            return *path == '/' ? path : "";
        }
    }
    return "";
}

static int has_control_character(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' && *text != '\t')
            return 1;
    return 0;
}

static const char *set_option(cmd_parms *cmd, void *dir_conf, const char *name, const char *value)
{
    hdpy_dir_conf *conf = dir_conf;

    if (!*name)
        return "PythonOption: the option's name is empty";
    if (has_control_character(name) || has_control_character(value))
        return apr_psprintf(cmd->pool, "PythonOption %s: name and value must not contain "
                                       "control characters", name);
    if (!conf->options) {
        conf->options = apr_table_make(cmd->pool, 4);
        conf->option_dirs = apr_table_make(cmd->pool, 4);
    }
    apr_table_set(conf->options, name, value);
    apr_table_set(conf->option_dirs, name, directive_directory(cmd));
    return NULL;
}

static const char *set_interpreter(cmd_parms *cmd, void *dir_conf, const char *name)
{
    const char *error = hdpy_name_error(name);

    if (error)
        return apr_psprintf(cmd->pool, "PythonInterpreter %s: %s", name, error);
    ((hdpy_dir_conf *)dir_conf)->interpreter = apr_pstrdup(cmd->pool, name);
    return NULL;
}

static const char *set_replicas(cmd_parms *cmd, void *dir_conf, const char *arg)
{
    hdpy_dir_conf *conf = dir_conf;
    char *end;
    long number;

    if (!strcasecmp(arg, "auto")) {
        conf->replicas = HDPY_REPLICAS_AUTO;
        return NULL;
    }
    errno = 0;
    number = strtol(arg, &end, 10);
    if (errno || end == arg || *end || number < 1 || number > REPLICAS_MAX)
        return apr_psprintf(cmd->pool, "PythonReplicas takes a number from 1 to %d, or auto, not "
                                       "'%s'", REPLICAS_MAX, arg);
    conf->replicas = (int)number;
    return NULL;
}

static int is_module_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!apr_isalnum(*c) && *c != '_' && *c != '.' && !(*c & 0x80))
            return 0;
    return *name != '\0';
}

static const char *set_threads(cmd_parms *cmd, void *dir_conf, const char *arg)
{
    hdpy_server_conf *conf = ap_get_module_config(cmd->server->module_config, &httpdapy_module);
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    char *end;
    long number;

    if (error)
        return error;
    errno = 0;
    number = strtol(arg, &end, 10);
    if (errno || end == arg || *end || number < 1 || number > THREADS_MAX)
        return apr_psprintf(cmd->pool, "PythonThreads takes a number from 1 to %d, not '%s'",
                            THREADS_MAX, arg);
    conf->threads = (unsigned)number;
    return NULL;
}

static const char *set_auth_module(cmd_parms *cmd, void *dir_conf, const char *name)
{
    hdpy_dir_conf *conf = dir_conf;

    if (!is_module_name(name))
        return apr_psprintf(cmd->pool, "AuthPythonModule takes the name of a Python module, as auth "
                                       "for auth.py, not '%s'", name);
    conf->auth_module = apr_pstrdup(cmd->pool, name);
    conf->auth_dir = directive_directory(cmd);
    return NULL;
}

static const char *set_static_files(cmd_parms *cmd, void *dir_conf, int on)
{
    hdpy_dir_conf *conf = dir_conf;
    const char *directory = directive_directory(cmd);
    char real[PATH_MAX];

    if (!*directory)
        return "StaticFiles stands in a <Directory> section";
    if (on && !realpath(directory, real))
        return apr_psprintf(cmd->pool, "StaticFiles: %s: %s", directory, strerror(errno));
    conf->static_files = on;
    if (on) {
        conf->static_dir = directory[1] ? directory : "";
        conf->static_real = real[1] ? apr_pstrdup(cmd->pool, real) : "";
    }
    return NULL;
}

static const char *set_init_function(cmd_parms *cmd, void *dir_conf, const char *name,
                                     const char *statement)
{
    hdpy_server_conf *conf = ap_get_module_config(cmd->server->module_config, &httpdapy_module);
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (error)
        return error;
    if (!is_module_name(name))
        return apr_psprintf(cmd->pool, "PythonInitFunction takes the name of a Python module and a "
                                       "statement, not '%s'", name);
    conf->init_module = name;
    conf->init_statement = statement;
    return NULL;
}

/* Apache's own directive, which goes on to mod_authz_core: noted here is that it wants a user, by its
 * being none of those that look at something else. */
static const char *note_require(cmd_parms *cmd, void *dir_conf, const char *args)
{
    static const char *const others[] = {"all", "ip", "host", "forward-dns", "local", "env",
                                         "method", "expr", NULL};
    char *word = ap_getword_conf(cmd->temp_pool, &args);

    if (!strcasecmp(word, "not"))
        word = ap_getword_conf(cmd->temp_pool, &args);
    for (int i = 0; others[i]; i++)
        if (!strcasecmp(word, others[i]))
            return DECLINE_CMD;
    if ((cmd->limited | ALL_METHODS) == cmd->limited) /* not in <Limit> */
        ((hdpy_dir_conf *)dir_conf)->requires_user = 1;
    return DECLINE_CMD;
}

static const char *set_takes_plain(cmd_parms *cmd, void *dir_conf, int on)
{
    hdpy_server_conf *conf = ap_get_module_config(cmd->server->module_config, &httpdapy_module);

    conf->takes_plain = on;
    return NULL;
}

static const char *set_report(cmd_parms *cmd, void *dir_conf, const char *token)
{
    hdpy_server_conf *conf = ap_get_module_config(cmd->server->module_config, &httpdapy_module);

    conf->report_token = token;
    return NULL;
}

const command_rec hdpy_directives[] = {
    AP_INIT_TAKE2("PythonOption", set_option, NULL, OR_FILEINFO,
                  "name and value of an option for the handler"),
    AP_INIT_TAKE1("PythonInterpreter", set_interpreter, NULL, OR_FILEINFO,
                  "name of the interpreter to run in; main_interpreter for the process's first"),
    AP_INIT_TAKE1("PythonReplicas", set_replicas, NULL, OR_FILEINFO,
                  "number of interpreters per directory and process, or auto"),
    AP_INIT_TAKE1("AuthPythonModule", set_auth_module, NULL, OR_AUTHCFG,
                  "name of the module whose AuthHandler decides who may pass"),
    AP_INIT_FLAG("StaticFiles", set_static_files, NULL, ACCESS_CONF,
                 "whether files below the directory are sent as they are, unless hidden or outside"),
    AP_INIT_TAKE2("PythonInitFunction", set_init_function, NULL, RSRC_CONF,
                  "module to import and statement to run once in each process, for one interpreter"),
    AP_INIT_RAW_ARGS("Require", note_require, NULL, OR_AUTHCFG,
                     "see mod_authz_core"),
    AP_INIT_TAKE1("PythonThreads", set_threads, NULL, RSRC_CONF,
                  "number of requests that run in Python at once in a process"),
    AP_INIT_FLAG("TLSOrPlain", set_takes_plain, NULL, RSRC_CONF,
                 "whether a virtual host of TLS takes requests without it as well"),
    AP_INIT_TAKE1("PythonReport", set_report, NULL, RSRC_CONF,
                  "secret with which a request is answered with the settings in force"),
    {NULL}
};

/* ---- what a request has of them ------------------------------------------------------------ */

const hdpy_dir_conf *hdpy_settings(request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &httpdapy_module);
}

hdpy_request_conf *hdpy_request_conf_of(request_rec *r)
{
    hdpy_request_conf *conf = ap_get_module_config(r->request_config, &httpdapy_module);

    if (!conf) {
        conf = apr_pcalloc(r->pool, sizeof(*conf));
        ap_set_module_config(r->request_config, &httpdapy_module, conf);
    }
    return conf;
}

const char *hdpy_option(const hdpy_dir_conf *conf, const char *name)
{
    return conf->options ? apr_table_get(conf->options, name) : NULL;
}

int hdpy_option_is_on(const hdpy_dir_conf *conf, const char *name, int otherwise)
{
    static const char *const off[] = {"", "0", "off", "no", "false", NULL};
    const char *value = hdpy_option(conf, name);

    if (!value)
        return otherwise;
    for (int i = 0; off[i]; i++)
        if (!strcasecmp(value, off[i]))
            return 0;
    return 1;
}

static int append_option(void *text, const char *name, const char *value)
{
    *(const char **)apr_array_push(text) = name;
    *(const char **)apr_array_push(text) = value;
    return 1;
}

static void append_directive(apr_array_header_t *lines, const char *name, const char *value)
{
    if (!value)
        return;
    append_option(lines, name, value);
    *(const char **)apr_array_push(lines) = "";
}

const char *hdpy_settings_text(apr_pool_t *p, const hdpy_dir_conf *conf, const char *directory)
{
    apr_array_header_t *pairs, *lines;

    if (!conf->options && !conf->interpreter && conf->replicas == HDPY_UNSET && !conf->auth_module)
        return directory;
    pairs = apr_array_make(p, 8, sizeof(char *));
    lines = apr_array_make(p, 16, sizeof(char *));
    *(const char **)apr_array_push(lines) = directory;
    if (conf->options)
        apr_table_do(append_option, pairs, conf->options, NULL);
    for (int i = 0; i < pairs->nelts; i += 2) {
        const char *name = APR_ARRAY_IDX(pairs, i, const char *);

        append_option(lines, name, APR_ARRAY_IDX(pairs, i + 1, const char *));
        *(const char **)apr_array_push(lines) = apr_table_get(conf->option_dirs, name);
    }
    append_directive(lines, DIRECTIVE "PythonInterpreter", conf->interpreter);
    append_directive(lines, DIRECTIVE "PythonReplicas",
                     conf->replicas == HDPY_UNSET           ? NULL
                     : conf->replicas == HDPY_REPLICAS_AUTO ? "auto"
                                                       : apr_itoa(p, conf->replicas));
    append_directive(lines, DIRECTIVE "AuthPythonModule", conf->auth_module);
    return apr_array_pstrcat(p, lines, '\n');
}
