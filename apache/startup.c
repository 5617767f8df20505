/* What runs once in each child: before its first request, and when it is told to end.
 *
 *   PythonInitFunction module statement
 *   PythonStopFunction module statement
 *
 * The module is imported into the main interpreter, and the statement executed there in __main__,
 * where the module has its name.  A server with PythonInitFunction is in single-interpreter mode; see
 * target.c.  When PythonStopFunction runs, requests may still be in progress, and the child ends when
 * they have: it is for what would keep them from it, like WebSockets.
 */
#include <Python.h> /* first, as Python wants it */

#include "startup.h"

#include "http_config.h"
#include "http_log.h"
#include "apr_strings.h"

#include <stdlib.h>
#include <string.h>

#include "settings.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

/* 0, or -1 with an exception. */
static int run(const char *name, const char *statement)
{
    PyObject *imported = PyImport_ImportModule(name);
    PyObject *main_module = imported ? PyImport_AddModule("__main__") : NULL; /* borrowed */
    PyObject *globals = main_module ? PyModule_GetDict(main_module) : NULL;   /* borrowed */
    PyObject *top = NULL, *result = NULL;

    if (globals) { /* of a.b the name a, as the import statement has it */
        PyObject *names = PyUnicode_FromStringAndSize(name, (Py_ssize_t)strcspn(name, "."));

        top = names ? PyImport_GetModule(names) : NULL;
        if (top && PyDict_SetItem(globals, names, top) == 0)
            result = PyRun_String(statement, Py_file_input, globals, globals);
        Py_XDECREF(names);
    }
    Py_XDECREF(imported);
    Py_XDECREF(top);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

void hdpy_startup_run(server_rec *s)
{
    const hdpy_server_conf *conf = ap_get_module_config(s->module_config, &httpdapy_module);
    PyGILState_STATE state;
    int failed;

    if (!conf || !conf->init_module)
        return;
    if (!Py_IsInitialized()) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "HDPY0012: PythonInitFunction %s: Python does not "
                     "run in this process; LoadModule wsgi_module has to come first",
                     conf->init_module);
        exit(APEXIT_CHILDFATAL);
    }
    state = PyGILState_Ensure();
    failed = run(conf->init_module, conf->init_statement);
    if (failed && PyErr_ExceptionMatches(PyExc_SystemExit)) { /* which would end the child only */
        PyErr_Clear();
        PyErr_SetString(PyExc_RuntimeError, "SystemExit");
    }
    if (failed)
        PyErr_Print(); /* to the error log */
    PyGILState_Release(state);
    if (failed) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "HDPY0013: PythonInitFunction %s \"%s\" has "
                     "failed, as the lines above say; the server ends. Correct it, or take the "
                     "line out of the configuration", conf->init_module, conf->init_statement);
        exit(APEXIT_CHILDFATAL);
    }
}

void hdpy_startup_stop(server_rec *s)
{
    const hdpy_server_conf *conf = ap_get_module_config(s->module_config, &httpdapy_module);
    PyGILState_STATE state;

    if (!conf || !conf->stop_module || !Py_IsInitialized())
        return;
    state = PyGILState_Ensure();
    if (run(conf->stop_module, conf->stop_statement))
        PyErr_Print(); /* to the error log */
    PyGILState_Release(state);
}
