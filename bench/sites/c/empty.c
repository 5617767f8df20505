/* The least that a handler in Apache does: hello world from memory.  None can be faster. */
#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"

#include <string.h>

static const char HELLO[] = "Hello, World!\n";

static int handler(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, "empty"))
        return DECLINED;
    ap_set_content_type(r, "text/html");
    ap_set_content_length(r, sizeof(HELLO) - 1);
    ap_rwrite(HELLO, sizeof(HELLO) - 1, r);
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(empty) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
