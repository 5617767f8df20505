/* handlers/base.py in C, for requests that come directly: what RequestHandler does for a handler that
 * has a Content() and leaves the rest to it.
 *
 * In Python that takes half of what a small handler takes (2026-11).  Each method here does the plain
 * case, and calls the one in Python that it stands for in all others: another way into Python, a
 * redirect, a page that is no str, printed output.  Subclasses override them and call them as ever.
 */
#include "base.h"

#include "headers.h"
#include "request_state.h"

/* The request of a handler if it came directly, a new reference; or NULL, without an exception. */
static Request *direct_request(const hdpy_interpreter *interpreter, PyObject *self)
{
    PyObject *req = PyObject_GetAttr(self, interpreter->names.req);

    if (req && (PyObject *)Py_TYPE(req) == interpreter->request)
        return (Request *)req;
    if (!req)
        PyErr_Clear();
    Py_XDECREF(req);
    return NULL;
}

/* Whether an attribute is false and cannot be anything else while it is looked at. */
static int is_unset(PyObject *self, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(self, name);
    int found = value == Py_None
             || (value && PyUnicode_CheckExact(value) && !PyUnicode_GET_LENGTH(value));

    if (!value)
        PyErr_Clear();
    Py_XDECREF(value);
    return found;
}

/* ---- the methods --------------------------------------------------------------------------- */

static PyObject *for_request(PyObject *type, PyObject *req)
{
    const hdpy_interpreter *interpreter = hdpy_current_interpreter();
    PyObject *init = interpreter ? PyObject_GetAttr(type, interpreter->names.__init__) : NULL;
    PyObject *none, *handler;

    Py_XDECREF(init);
    if (!init)
        return NULL;
    if (init != interpreter->base.init)
        return PyObject_CallFunctionObjArgs(interpreter->base.for_request, type, req, NULL);
    none = PyTuple_New(0);
    handler = none ? ((PyTypeObject *)type)->tp_new((PyTypeObject *)type, none, NULL) : NULL;
    Py_XDECREF(none);
    if (handler && PyObject_SetAttr(handler, interpreter->names.req, req) < 0)
        Py_CLEAR(handler);
    return handler;
}

PyObject *hdpy_base_call(PyObject *start, PyObject *req)
{
    return PyCFunction_Check(start) && PyCFunction_GET_FUNCTION(start) == for_request
         ? for_request(PyCFunction_GET_SELF(start), req)
         : PyObject_CallOneArg(start, req);
}

/* Call a method for what it does; 0, or -1 with an exception. */
static int call(PyObject *self, PyObject *name)
{
    PyObject *result = PyObject_CallMethodNoArgs(self, name);

    Py_XDECREF(result);
    return result ? 0 : -1;
}

static PyObject *handle(PyObject *self, PyObject *unused)
{
    const hdpy_interpreter *interpreter = hdpy_current_interpreter();
    PyObject *content, *done = NULL;

    if (!interpreter)
        return NULL;
    content = PyObject_CallMethodNoArgs(self, interpreter->names.Content);
    if (!content)
        return NULL;
    if (call(self, interpreter->names.Header) == 0 && call(self, interpreter->names.Status) == 0)
        done = PyObject_CallMethodOneArg(self, interpreter->names.Send, content);
    Py_DECREF(content);
    if (!done)
        return NULL;
    Py_DECREF(done);
    return Py_NewRef(interpreter->proceed);
}

static PyObject *set_headers(PyObject *self, PyObject *unused)
{
    const hdpy_interpreter *interpreter = hdpy_current_interpreter();
    Request *req;
    PyObject *type;
    int failed;

    if (!interpreter)
        return NULL;
    req = direct_request(interpreter, self);
    if (!req || !is_unset(self, interpreter->names.redirect)) {
        Py_XDECREF(req);
        return PyObject_CallOneArg(interpreter->base.header, self);
    }
    type = PyObject_GetAttr(self, interpreter->names.content_type);
    if (type && type == interpreter->base.declared && !req->headers_out && req->r) {
        Py_XSETREF(req->content_type, Py_NewRef(type));
        failed = 0;
    } else {
        PyObject *headers = type ? hdpy_headers_out(req, NULL) : NULL;

        failed = !headers
              || PyObject_SetItem(headers, interpreter->base.content_type_name, type) < 0;
        Py_XDECREF(headers);
    }
    Py_XDECREF(type);
    Py_DECREF(req);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *set_status(PyObject *self, PyObject *unused)
{
    const hdpy_interpreter *interpreter = hdpy_current_interpreter();
    Request *req;
    int is_plain;

    if (!interpreter)
        return NULL;
    req = direct_request(interpreter, self);
    is_plain = req && req->r && is_unset(self, interpreter->names.redirect);
    if (is_plain)
        req->status = HTTP_OK;
    Py_XDECREF(req);
    if (!is_plain)
        return PyObject_CallOneArg(interpreter->base.status, self);
    Py_RETURN_NONE;
}

/* Note what goes out for a content type, if text goes out in UTF-8 with it and nothing is wrong with
 * it; 0, or -1 with an exception. */
static int learn(const hdpy_interpreter *interpreter, hdpy_base *base, Request *req,
                 PyObject *declared)
{
    PyObject *pair = PyObject_CallOneArg(interpreter->text_type, declared), *sent, *codec;
    int is_read = pair && PyArg_ParseTuple(pair, "UU", &sent, &codec);

    if (is_read && PyUnicode_IS_ASCII(sent)
        && PyUnicode_CompareWithASCIIString(codec, "utf-8") == 0) {
        if (hdpy_header_bytes(req, base->content_type_name, sent)) {
            Py_XSETREF(base->declared, Py_NewRef(declared));
            Py_XSETREF(base->sent, Py_NewRef(sent));
        }
        PyErr_Clear(); /* the answer cannot begin with it then */
    }
    Py_XDECREF(pair);
    return is_read ? 0 : -1;
}

/* Declare the charset with which text goes out; 1, or 0 if that is not known to be UTF-8, or -1
 * with an exception. */
static int declare_utf8(const hdpy_interpreter *interpreter, hdpy_base *base, Request *req)
{
    PyObject *headers, *declared;
    int found = -1;

    if (req->content_type && req->content_type == base->declared) {
        Py_SETREF(req->content_type, Py_NewRef(base->sent));
        return 1;
    }
    headers = hdpy_headers_out(req, NULL);
    declared = headers ? PyObject_GetItem(headers, base->content_type_name) : NULL;
    if (headers && !declared && PyErr_ExceptionMatches(PyExc_KeyError)) {
        PyErr_Clear();
        found = 0;
    }
    if (declared && (declared == base->declared || learn(interpreter, base, req, declared) == 0)) {
        found = declared == base->declared;
        if (found && PyObject_SetItem(headers, base->content_type_name, base->sent) < 0)
            found = -1;
    }
    Py_XDECREF(declared);
    Py_XDECREF(headers);
    return found;
}

static PyObject *send_content(PyObject *self, PyObject *const *args, Py_ssize_t count,
                              PyObject *keywords)
{
    hdpy_interpreter *interpreter = hdpy_current_interpreter();
    PyObject *content = count == 1 && !keywords ? args[0] : NULL, *body = NULL, *result = NULL;
    Request *req = NULL;
    int is_plain;

    if (!interpreter)
        return NULL;
    if (content && PyUnicode_CheckExact(content) && PyUnicode_GET_LENGTH(content))
        req = direct_request(interpreter, self);
    is_plain = req && is_unset(self, interpreter->names.redirect)
            && is_unset(self, interpreter->names._writer);
    if (is_plain)
        is_plain = declare_utf8(interpreter, &interpreter->base, req);
    if (!is_plain) {
        PyObject *in_python = PyMethod_New(interpreter->base.send, self);

        result = in_python ? PyObject_Vectorcall(in_python, args, (size_t)count, keywords) : NULL;
        Py_XDECREF(in_python);
    } else if (is_plain > 0) {
        body = PyUnicode_AsUTF8String(content);
        result = body ? hdpy_request_finish(req, body) : NULL;
    }
    Py_XDECREF(body);
    Py_XDECREF(req);
    return result;
}

/* ---- their place --------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"for_request", for_request, METH_O | METH_CLASS, "A handler for a request."},
    {"Handle", handle, METH_NOARGS, "Answer the request: Content, Header, Status and Send."},
    {"Header", set_headers, METH_NOARGS, "Set the headers of the answer."},
    {"Status", set_status, METH_NOARGS, "Set the status of the answer: 200, or 302 with a redirect."},
    {"Send", (PyCFunction)(void (*)(void))send_content, METH_FASTCALL | METH_KEYWORDS,
     "Send content, unless it is empty or the client is redirected."},
};
#define COUNT ((int)(sizeof(methods) / sizeof(*methods)))

void hdpy_base_clear(hdpy_base *base)
{
    Py_CLEAR(base->methods);
    Py_CLEAR(base->for_request);
    Py_CLEAR(base->init);
    Py_CLEAR(base->header);
    Py_CLEAR(base->status);
    Py_CLEAR(base->send);
    Py_CLEAR(base->content_type_name);
    Py_CLEAR(base->declared);
    Py_CLEAR(base->sent);
}

int hdpy_base_prepare(hdpy_base *base, PyObject *type)
{
    PyObject *own = PyObject_GetAttrString(type, "__dict__"), *bound = NULL;
    int failed = 1;

    base->methods = own ? PyDict_New() : NULL;
    if (!base->methods)
        goto end;
    for (int i = 0; i < COUNT; i++) {
        PyObject *method = PyMapping_GetItemString(own, methods[i].ml_name);
        int is_missing = !method
                      || PyDict_SetItemString(base->methods, methods[i].ml_name, method) < 0;

        Py_XDECREF(method);
        if (is_missing)
            goto end;
    }
    bound = PyObject_GetAttrString(type, "for_request");
    base->for_request = bound ? PyObject_GetAttrString(bound, "__func__") : NULL;
    base->init = PyObject_GetAttrString(type, "__init__");
    base->header = PyObject_GetAttrString(type, "Header");
    base->status = PyObject_GetAttrString(type, "Status");
    base->send = PyObject_GetAttrString(type, "Send");
    base->content_type_name = PyUnicode_InternFromString("Content-Type");
    failed = PyErr_Occurred() != NULL;
end:
    Py_XDECREF(bound);
    Py_XDECREF(own);
    if (failed)
        hdpy_base_clear(base);
    return failed ? -1 : 0;
}

int hdpy_base_install(PyObject *object)
{
    PyTypeObject *type = (PyTypeObject *)object;

    for (int i = 0; i < COUNT; i++) {
        PyObject *method = methods[i].ml_flags & METH_CLASS ? PyDescr_NewClassMethod(type, &methods[i])
                                                            : PyDescr_NewMethod(type, &methods[i]);
        int failed = !method || PyObject_SetAttrString(object, methods[i].ml_name, method) < 0;

        Py_XDECREF(method);
        if (failed)
            return -1;
    }
    return 0;
}

void hdpy_base_remove(const hdpy_base *base, PyObject *type)
{
    PyObject *name, *method;
    Py_ssize_t i = 0;

    while (PyDict_Next(base->methods, &i, &name, &method))
        if (PyObject_SetAttr(type, name, method) < 0)
            PyErr_Clear(); /* then it raises when it is called */
}
