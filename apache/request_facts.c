/* What a request is asked for: facts of it, its settings, and which code answers. */
#include "request_state.h"

#include "http_core.h"
#include "http_protocol.h"
#include "apr_strings.h"

#include <stddef.h>
#include <string.h>

#include "environment.h"
#include "settled.h"

/* A text of the request_rec, at the offset `field`; "" for none. */
static const char *text_at(Request *self, void *field)
{
    const char *text = *(char **)((char *)self->r + (size_t)field);

    return text ? text : "";
}

static PyObject *get_text(Request *self, void *field)
{
    return hdpy_is_live(self) ? hdpy_latin1_str(text_at(self, field)) : NULL;
}

/* As mod_wsgi has it: with single slashes. */
static PyObject *get_path(Request *self, void *field)
{
    const char *text;

    if (!hdpy_is_live(self))
        return NULL;
    text = text_at(self, field);
    if (strstr(text, "//")) {
        if (!hdpy_is_free(self))
            return NULL;
        text = apr_pstrdup(self->r->pool, text);
        ap_no2slash((char *)text);
    }
    return hdpy_path_str(text);
}

static PyObject *get_user(Request *self, void *unused)
{
    if (!hdpy_is_live(self))
        return NULL;
    if (!self->r->user)
        Py_RETURN_NONE;
    return hdpy_path_str(self->r->user);
}

static int set_user(Request *self, PyObject *value, void *unused)
{
    const char *name;

    if (!hdpy_is_free(self))
        return -1;
    if (!self->is_asked) {
        PyErr_SetString(PyExc_AttributeError, "the user is who has authenticated; only an "
                                              "AuthHandler says who that is");
        return -1;
    }
    name = value && value != Py_None ? PyUnicode_AsUTF8(value) : NULL;
    if (PyErr_Occurred())
        return -1;
    if (name && (!*name || name[strcspn(name, "\r\n")])) {
        PyErr_Format(PyExc_ValueError, "%R is no name of a user", value);
        return -1;
    }
    self->r->user = name ? apr_pstrdup(self->r->pool, name) : NULL;
    return 0;
}

static PyObject *get_filename(Request *self, void *unused)
{
    return hdpy_is_live(self) ? PyUnicode_DecodeFSDefault(self->r->filename) : NULL;
}

static PyObject *get_file_type(Request *self, void *unused)
{
    return hdpy_is_live(self) ? hdpy_latin1_str(self->file_type ? self->file_type : "") : NULL;
}

static PyObject *get_unparsed_uri(Request *self, void *unused)
{
    return hdpy_is_free(self) ? hdpy_latin1_str(hdpy_unparsed_uri(self->r)) : NULL;
}

static PyObject *get_interpreter(Request *self, void *unused)
{
    return hdpy_is_live(self) ? hdpy_path_str(self->interpreter->name) : NULL;
}

static PyObject *get_local_addr(Request *self, void *unused)
{
    return hdpy_is_live(self) ? hdpy_latin1_str(self->r->connection->local_ip) : NULL;
}

static PyObject *get_local_port(Request *self, void *unused)
{
    return hdpy_is_live(self) ? PyLong_FromLong(self->r->connection->local_addr->port) : NULL;
}

static PyObject *get_remote_port(Request *self, void *unused)
{
    return hdpy_is_live(self) ? PyLong_FromLong(self->r->connection->client_addr->port) : NULL;
}

static PyObject *get_server_name(Request *self, void *unused)
{
    return hdpy_is_free(self) ? hdpy_latin1_str(ap_get_server_name_for_url(self->r)) : NULL;
}

static PyObject *get_server_port(Request *self, void *unused)
{
    return hdpy_is_live(self) ? PyLong_FromLong(ap_get_server_port(self->r)) : NULL;
}

static PyObject *get_scheme(Request *self, void *unused)
{
    return hdpy_is_live(self) ? hdpy_latin1_str(ap_http_scheme(self->r)) : NULL;
}

static PyObject *get_settings(Request *self, void *unused)
{
    return hdpy_is_live(self) ? hdpy_same_value(&self->interpreter->settings_text,
                                           self->target->settings, self->interpreter->settings)
                         : NULL;
}

/* What changes when the file does, as interpreters/stamps.py writes it. */
static PyObject *stamp_str(const apr_finfo_t *file)
{
    if (file->filetype != APR_REG)
        return PyUnicode_FromStringAndSize(NULL, 0);
    return PyUnicode_FromFormat("%lld %lld %llu", (long long)file->mtime, (long long)file->size,
                                (unsigned long long)file->inode);
}

static int is_same_place(Request *self, const hdpy_place *place)
{
    const apr_finfo_t *file = &self->r->finfo;

    if (place->value && place->walk && place->walk == self->target->walk)
        return !strcmp(place->looked, self->target->looked);
    return place->value && place->type == file->filetype && place->mtime == file->mtime
        && place->size == file->size && place->inode == file->inode
        && !strcmp(place->filename, self->r->filename)
        && !strcmp(place->looked, self->target->looked)
        && !strcmp(place->settings, self->target->settings);
}

static void keep_place(Request *self, hdpy_place *place, PyObject *value)
{
    const apr_finfo_t *file = &self->r->finfo;
    char *filename = strdup(self->r->filename);
    char *looked = strdup(self->target->looked);
    char *settings = strdup(self->target->settings);

    hdpy_place_clear(place);
    place->filename = filename;
    place->looked = looked;
    place->settings = settings;
    if (!filename || !looked || !settings)
        return; /* and the next request makes it anew */
    place->type = file->filetype;
    place->mtime = file->mtime;
    place->size = file->size;
    place->inode = file->inode;
    place->walk = self->target->walk;
    place->value = Py_NewRef(value);
}

/* (settings, filename, stamp, looked): all that says which code answers, and the same object as long
 * as it says the same. */
static PyObject *get_place(Request *self, void *unused)
{
    hdpy_place *place = &self->interpreter->place;
    PyObject *value;

    if (!hdpy_is_live(self))
        return NULL;
    if (is_same_place(self, place)) {
        place->walk = self->target->walk;
        return Py_NewRef(place->value);
    }
    value = Py_BuildValue("(NNNN)", get_settings(self, NULL), get_filename(self, NULL),
                          stamp_str(&self->r->finfo),
                          PyUnicode_DecodeFSDefault(self->target->looked));
    if (value)
        keep_place(self, place, value);
    return value;
}

int hdpy_request_is_at(PyObject *request, PyObject *place)
{
    Request *self = (Request *)request;
    const hdpy_place *known = &self->interpreter->place;

    return known->value == place && is_same_place(self, known);
}

/* See ServedRequest.settle(). */
static PyObject *request_settle(Request *self, PyObject *args)
{
    PyObject *modules, *version, *code, *place;

    if (!PyArg_ParseTuple(args, "OOO:settle", &modules, &version, &code))
        return NULL;
    place = get_place(self, NULL);
    if (!place)
        return NULL;
    hdpy_settled_keep(&self->interpreter->settled, place, modules, version, code);
    Py_DECREF(place);
    Py_RETURN_NONE;
}

static PyObject *get_looked(Request *self, void *unused)
{
    return hdpy_is_live(self) ? PyUnicode_DecodeFSDefault(self->target->looked) : NULL;
}

static PyObject *get_started(Request *self, void *unused)
{
    return hdpy_is_live(self) ? PyBool_FromLong(self->is_started) : NULL;
}

static int lacks_document(const Request *self)
{
    return self->status >= 300 && self->status != HTTP_NOT_MODIFIED && !self->is_started
        && (!self->whole || !PyBytes_GET_SIZE(self->whole));
}

static PyObject *get_lacks_document(Request *self, void *unused)
{
    if (!hdpy_is_live(self))
        return NULL;
    return PyBool_FromLong(lacks_document(self));
}

int hdpy_request_has_answer(PyObject *request)
{
    Request *self = (Request *)request;

    return !hdpy_request_is_over(request) && !lacks_document(self);
}

static PyObject *get_environment(Request *self, void *unused)
{
    const apr_array_header_t *entries;
    PyObject *found;

    if (!hdpy_is_free(self))
        return NULL;
    entries = apr_table_elts(hdpy_environment(self->r));
    found = PyDict_New();
    for (int i = 0; found && i < entries->nelts; i++) {
        const apr_table_entry_t *entry = (const apr_table_entry_t *)entries->elts + i;
        int is_path = !strcmp(entry->key, "DOCUMENT_ROOT")
                   || !strcmp(entry->key, "SCRIPT_FILENAME");
        PyObject *value = is_path ? PyUnicode_DecodeFSDefault(entry->val)
                                  : hdpy_latin1_str(entry->val);

        if (!value || PyDict_SetItemString(found, entry->key, value) < 0)
            Py_CLEAR(found);
        Py_XDECREF(value);
    }
    return found;
}

PyMethodDef hdpy_request_dispatch[] = {
    {"settle", (PyCFunction)request_settle, METH_VARARGS, NULL},
    {NULL}
};

#define FIELD(name) (void *)offsetof(request_rec, name)

TAKING_GETTER(get_path)
TAKING_GETTER(get_unparsed_uri)
TAKING_GETTER(get_server_name)
TAKING_GETTER(get_environment)

/* interpreters/served.py and handlers/request.py say what they are. */
PyGetSetDef hdpy_request_facts[] = {
    {"method", (getter)get_text, NULL, NULL, FIELD(method)},
    {"protocol", (getter)get_text, NULL, NULL, FIELD(protocol)},
    {"args", (getter)get_text, NULL, NULL, FIELD(args)},
    {"remote_addr", (getter)get_text, NULL, NULL, FIELD(useragent_ip)},
    {"uri", (getter)taking_get_path, NULL, NULL, FIELD(uri)},
    {"path_info", (getter)taking_get_path, NULL, NULL, FIELD(path_info)},
    {"unparsed_uri", (getter)taking_get_unparsed_uri, NULL, NULL, NULL},
    {"filename", (getter)get_filename, NULL, NULL, NULL},
    {"file_type", (getter)get_file_type, NULL, NULL, NULL},
    {"user", (getter)get_user, (setter)set_user, NULL, NULL},
    {"interpreter", (getter)get_interpreter, NULL, NULL, NULL},
    {"local_addr", (getter)get_local_addr, NULL, NULL, NULL},
    {"local_port", (getter)get_local_port, NULL, NULL, NULL},
    {"remote_port", (getter)get_remote_port, NULL, NULL, NULL},
    {"server_name", (getter)taking_get_server_name, NULL, NULL, NULL},
    {"server_port", (getter)get_server_port, NULL, NULL, NULL},
    {"scheme", (getter)get_scheme, NULL, NULL, NULL},
    {"started", (getter)get_started, NULL, NULL, NULL},
    {"lacks_document", (getter)get_lacks_document, NULL, NULL, NULL},
    {"environment", (getter)taking_get_environment, NULL, NULL, NULL},
    {"settings", (getter)get_settings, NULL, NULL, NULL},
    {"place", (getter)get_place, NULL, NULL, NULL},
    {"looked", (getter)get_looked, NULL, NULL, NULL},
    {NULL}
};
