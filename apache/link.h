/* What crosses between Apache and Python, by name.
 *
 * interpreters/link.py holds the same names for the Python side and tests/interpreters/test_link.py
 * compares the two files.  A name with a dot in it cannot be forged: request headers reach the
 * environment as HTTP_..., without dots.
 */
#ifndef HTTPDAPY_LINK_H
#define HTTPDAPY_LINK_H

/* Handler names: the one users write, and the one mod_wsgi has the entry script under. */
#define HDPY_HANDLER "python-program"
#define HDPY_RUN_HANDLER "httpdapy-run"

/* Request notes that WSGIHandlerScript expands: the interpreter and the daemon process to use. */
#define HDPY_NOTE_INTERPRETER "httpdapy.interpreter"
#define HDPY_NOTE_PROCESS "httpdapy.process"

/* Environment of the request: the script's directory with the settings in force; the file's stamp:
 * mtime in microseconds, size and inode, empty when there is no such file; its content type; and the
 * TCP port at which the connection has come in. */
#define HDPY_ENV_SETTINGS "httpdapy.settings"
#define HDPY_ENV_STAMP "httpdapy.stamp"
#define HDPY_ENV_TYPE "httpdapy.type"
#define HDPY_ENV_PORT "httpdapy.port"

/* How the other files look that Python has had watched for this script, and the response header in
 * which it names them; see watch.h. */
#define HDPY_ENV_WATCHED "httpdapy.watched"
#define HDPY_HEADER_WATCH "Httpdapy-Watch"

/* In an interpreter's first request: where this very file is, for the entry script to load it as the
 * Python module _link and register the dispatch, and to leave the request alone. */
#define HDPY_ENV_LINK "httpdapy.link"

/* Response header by which Python hands the answer back to Apache: the status is as set, the body
 * is Apache's own document for it (ErrorDocument and all), the value says why, for the log. */
#define HDPY_HEADER_DOCUMENT "Httpdapy-Document"

/* Response header by which Python has Apache answer with what it has at another path. */
#define HDPY_HEADER_REDIRECT "Httpdapy-Redirect"

/* Response header with a status that the proxied process's server has no words for. */
#define HDPY_HEADER_STATUS "Httpdapy-Status"

/* Response header with lines for the log of the virtual host, %xx in them decoded. */
#define HDPY_HEADER_LOG "Httpdapy-Log"

/* Response header by which a proxied process asks for the client's connection: where it is to be sent,
 * a space, and a token that goes with it; see handover.c. */
#define HDPY_HEADER_CLIENT "Httpdapy-Client"

/* Request headers with what a proxied process is to know of a request: facts(), and the settings in
 * force; see proxy.c. */
#define HDPY_HEADER_REQUEST "Httpdapy-Request"
#define HDPY_HEADER_SETTINGS "Httpdapy-Settings"

/* Request header with the secret of PythonReport, and the content type of the answer: interpreter,
 * replicas and settings, in lines. */
#define HDPY_HEADER_REPORT "Httpdapy-Report"
#define HDPY_REPORT_TYPE "text/x-httpdapy-report"

#endif
