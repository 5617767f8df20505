/* The headers of a request and of its answer, and the answer's status. */
#include "request_state.h"

#include "http_protocol.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <string.h>

#include "environment.h"
#include "headers.h"

static PyObject *get_status(Request *self, void *unused)
{
    return hdpy_is_live(self) ? PyLong_FromLong(self->status) : NULL;
}

static int set_status(Request *self, PyObject *value, void *unused)
{
    long status;

    if (!hdpy_is_live(self))
        return -1;
    if (!value || !PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "a status is an int from 100 to 999, not %R",
                     value ? value : Py_None);
        return -1;
    }
    status = PyLong_AsLong(value);
    if (status < 100 || status > 999) {
        PyErr_Format(PyExc_ValueError, "a status is an int from 100 to 999, not %R", value);
        return -1;
    }
    self->status = (int)status;
    return 0;
}

/* "ACCEPT-LANGUAGE" as "Accept-Language": HTTP/2 has small letters only, others write as they
 * like. */
static PyObject *header_name(const char *name)
{
    Py_ssize_t length = (Py_ssize_t)strlen(name);
    PyObject *text = PyUnicode_New(length, 127);
    int first = 1;

    if (!text)
        return NULL;
    for (Py_ssize_t i = 0; i < length; i++) {
        PyUnicode_WRITE(PyUnicode_KIND(text), PyUnicode_DATA(text), i,
                        (Py_UCS4)(first ? apr_toupper(name[i]) : apr_tolower(name[i])));
        first = name[i] == '-';
    }
    return text;
}

static PyObject *get_headers_in(Request *self, void *unused)
{
    const apr_array_header_t *entries;

    if (!hdpy_is_live(self))
        return NULL;
    if (self->headers_in)
        return Py_NewRef(self->headers_in);
    if (!hdpy_is_free(self))
        return NULL;
    self->headers_in = PyObject_CallNoArgs(self->interpreter->headers);
    entries = apr_table_elts(self->r->headers_in);
    for (int i = 0; self->headers_in && i < entries->nelts; i++) {
        const apr_table_entry_t *entry = (const apr_table_entry_t *)entries->elts + i;

        if (entry->key && entry->val && hdpy_is_visible(entry->key)
            && hdpy_headers_add((hdpy_headers *)self->headers_in, header_name(entry->key),
                                hdpy_latin1_str(entry->val)) < 0)
            Py_CLEAR(self->headers_in);
    }
    return Py_XNewRef(self->headers_in);
}

PyObject *hdpy_headers_out(Request *self, void *unused)
{
    if (!hdpy_is_live(self))
        return NULL;
    if (!self->headers_out) {
        self->headers_out = PyObject_CallNoArgs(self->interpreter->headers);
        if (self->headers_out && self->content_type
            && hdpy_headers_add((hdpy_headers *)self->headers_out,
                                Py_NewRef(self->interpreter->base.content_type_name),
                                Py_NewRef(self->content_type)) < 0)
            Py_CLEAR(self->headers_out);
        else
            Py_CLEAR(self->content_type);
    }
    return Py_XNewRef(self->headers_out);
}

const char *hdpy_header_bytes(Request *self, PyObject *name, PyObject *text)
{
    const char *bytes = NULL;
    int is_name = name == text;

    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "header %R: names and values are str, not %R", name, text);
        return NULL;
    }
    if (PyUnicode_IS_ASCII(text)) {
        bytes = PyUnicode_AsUTF8(text);
    } else {
        PyObject *latin1 = PyUnicode_AsLatin1String(text);

        if (latin1)
            bytes = apr_pstrmemdup(self->r->pool, PyBytes_AS_STRING(latin1),
                                   (apr_size_t)PyBytes_GET_SIZE(latin1));
        Py_XDECREF(latin1);
    }
    if (!bytes)
        return NULL;
    if ((Py_ssize_t)strlen(bytes) != PyUnicode_GET_LENGTH(text) || (is_name && !*bytes))
        goto refused;
    for (const char *c = bytes; *c; c++)
        if (is_name ? !apr_isalnum(*c) && *c != '-' && !strchr("!#$%&'*+.^_`|~", *c)
                    : (unsigned char)*c < ' ' ? *c != '\t' : *c == 0x7f)
            goto refused;
    return bytes;

refused:
    if (is_name)
        PyErr_Format(PyExc_ValueError, "%R is no name of a header", name);
    else
        PyErr_Format(PyExc_ValueError, "header %R: a control character in %R", name, text);
    return NULL;
}

static int is_length(const char *value)
{
    return *value && !value[strspn(value, "0123456789")] && strlen(value) < 19;
}

static void put_header(request_rec *r, const char *name, const char *value)
{
    if (!strcasecmp(name, "Content-Type"))
        ap_set_content_type(r, apr_pstrdup(r->pool, value));
    else if (!strcasecmp(name, "Content-Length"))
        ap_set_content_length(r, apr_atoi64(value));
    else if (!strcasecmp(name, "WWW-Authenticate"))
        apr_table_add(r->err_headers_out, name, value);
    else
        apr_table_add(r->headers_out, name, value);
}

int hdpy_put_headers(Request *self, hdpy_length length)
{
    request_rec *r = self->r;
    const hdpy_headers *headers = (const hdpy_headers *)self->headers_out;
    Py_ssize_t count = headers && !self->has_put_headers ? headers->count : 0;
    const char **lines = count ? apr_palloc(r->pool, 2 * (size_t)count * sizeof(*lines)) : NULL;

    if (self->status < HTTP_OK) {
        PyErr_Format(PyExc_ValueError, "the status %d announces an answer and is not that of one: "
                                       "set one from 200 on", self->status);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = headers->fields[i].name, *value = headers->fields[i].value;

        lines[2 * i] = hdpy_header_bytes(self, name, name);
        lines[2 * i + 1] = lines[2 * i] ? hdpy_header_bytes(self, name, value) : NULL;
        if (!lines[2 * i + 1])
            return -1;
        if (!strcasecmp(lines[2 * i], "Content-Length") && !is_length(lines[2 * i + 1])) {
            PyErr_Format(PyExc_ValueError, "header 'Content-Length': %R is no length", value);
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (length == DECLARED || strcasecmp(lines[2 * i], "Content-Length"))
            put_header(r, lines[2 * i], lines[2 * i + 1]);
    if (self->content_type && !self->has_put_headers)
        ap_set_content_type(r, apr_pstrdup(r->pool, PyUnicode_AsUTF8(self->content_type)));
    if (length == WHOLE)
        ap_set_content_length(r, PyBytes_GET_SIZE(self->whole));
    self->has_put_headers = 1;
    r->status = self->status;
    return 0;
}

void hdpy_request_ask(PyObject *request)
{
    ((Request *)request)->is_asked = 1;
}

/* They go with whatever answer the request gets. */
int hdpy_request_put_answer(PyObject *request)
{
    Request *self = (Request *)request;
    const hdpy_headers *headers = (const hdpy_headers *)self->headers_out;

    for (Py_ssize_t i = 0; headers && i < headers->count; i++) {
        PyObject *name = headers->fields[i].name;
        const char *name_bytes = hdpy_header_bytes(self, name, name);
        const char *value = name_bytes ? hdpy_header_bytes(self, name, headers->fields[i].value) : NULL;

        if (!value)
            return -1;
        apr_table_add(strcasecmp(name_bytes, "Location") ? self->r->err_headers_out
                                                         : self->r->headers_out,
                      name_bytes, value);
    }
    return 0;
}

TAKING_GETTER(get_headers_in)

PyGetSetDef hdpy_request_headers[] = {
    {"headers_in", (getter)taking_get_headers_in, NULL, NULL, NULL},
    {"headers_out", (getter)hdpy_headers_out, NULL, NULL, NULL},
    {"status", (getter)get_status, (setter)set_status, NULL, NULL},
    {NULL}
};
