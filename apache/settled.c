/* The shortest way through interpreters/dispatch.py.
 *
 * Most requests of an interpreter are for the file of the one before, and nothing has changed.  For
 * these all that dispatch does in Python is to compare, to call, and to see that all went well: a
 * third of what a small handler takes there (2026-11).  It is done here; whatever is not as plain
 * goes to Python, before the handler (Dispatcher.answer) or after it (complete, fail).
 */
#include "settled.h"

#include "base.h"
#include "request.h"

void hdpy_settled_clear(hdpy_settled *settled)
{
    Py_CLEAR(settled->place);
    Py_CLEAR(settled->modules);
    Py_CLEAR(settled->version);
    Py_CLEAR(settled->module);
    Py_CLEAR(settled->handler);
    Py_CLEAR(settled->start);
}

void hdpy_settled_keep(hdpy_settled *settled, PyObject *place, PyObject *modules,
                       PyObject *version, PyObject *code)
{
    hdpy_settled_clear(settled);
    if (!PyModule_CheckExact(code))
        return; /* its attributes may be anything */
    settled->place = Py_NewRef(place);
    settled->modules = Py_NewRef(modules);
    settled->version = Py_NewRef(version);
    settled->module = Py_NewRef(code);
}

/* The settled for_request(), a new reference; or NULL, without an exception. */
static PyObject *find_start(hdpy_interpreter *interpreter, PyObject *request)
{
    hdpy_settled *settled = &interpreter->settled;
    PyObject *version, *handler, *start;

    if (!settled->place || !hdpy_request_is_at(request, settled->place))
        return NULL;
    version = PyObject_GetAttr(settled->modules, interpreter->names.version);
    Py_XDECREF(version);
    handler = version == settled->version
            ? PyDict_GetItemWithError(PyModule_GetDict(settled->module),
                                      interpreter->names.RequestHandler)
            : NULL;
    if (handler && handler == settled->handler)
        return Py_NewRef(settled->start);
    Py_XINCREF(handler);
    start = handler ? PyObject_GetAttr(handler, interpreter->names.for_request) : NULL;
    if (start) {
        Py_XSETREF(settled->handler, Py_NewRef(handler));
        Py_XSETREF(settled->start, Py_NewRef(start));
    }
    Py_XDECREF(handler);
    if (!start)
        PyErr_Clear(); /* Dispatcher.answer() says what is wrong */
    return start;
}

/* The exception that was raised, with its traceback. */
static PyObject *take_error(void)
{
#if PY_VERSION_HEX >= 0x030c0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *error, *trace;

    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace)
        PyException_SetTraceback(error, trace);
    Py_DECREF(type);
    Py_XDECREF(trace);
    return error;
#endif
}

/* As dispatch.answer() does after a handler; result: NULL with its exception. */
static int conclude(const hdpy_interpreter *interpreter, PyObject *request, PyObject *result)
{
    PyObject *done, *error;

    if (result && result == interpreter->proceed
        && hdpy_request_has_answer(request) && hdpy_request_begin(request) == 0)
        return 0;
    done = PyErr_Occurred() ? NULL : PyObject_CallFunctionObjArgs(interpreter->complete, request,
                                                                  result, NULL);
    if (!done) {
        error = take_error();
        done = PyObject_CallFunctionObjArgs(interpreter->fail, request, error, NULL);
        Py_XDECREF(error);
    }
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* What is printed from now on is not this request's. */
static int reset_output(PyObject *output)
{
    PyObject *stream, *token = NULL;
    int is_reset;

    if (PyContextVar_Get(output, NULL, &stream) < 0)
        return -1;
    is_reset = !stream || stream == Py_None || (token = PyContextVar_Set(output, Py_None));
    Py_XDECREF(stream);
    Py_XDECREF(token);
    return is_reset ? 0 : -1;
}

int hdpy_settled_run(hdpy_interpreter *interpreter, PyObject *request)
{
    PyObject *start = find_start(interpreter, request), *handler, *result;
    int failed;

    if (!start)
        return 0;
    handler = hdpy_base_call(start, request);
    result = handler ? PyObject_CallMethodNoArgs(handler, interpreter->names.Handle) : NULL;
    Py_XDECREF(handler);
    Py_DECREF(start);
    failed = conclude(interpreter, request, result) < 0 || reset_output(interpreter->output) < 0;
    Py_XDECREF(result);
    return failed ? -1 : 1;
}
