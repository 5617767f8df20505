#include "naming.h"

#include <stdio.h>
#include <string.h>

static int is_main(const char *forced)
{
    return !strcmp(forced, "main_interpreter") || !strcmp(forced, "global_interpreter");
}

char *hdpy_interpreter_name(char *name, size_t size, const char *directory, const char *forced,
                            unsigned replicas, unsigned thread)
{
    const char *base = forced ? forced : directory;
    unsigned replica = replicas > 1 ? thread % replicas : 0;
    int length;

    if (forced && is_main(forced))
        length = snprintf(name, size, "%s", "");
    else if (replica)
        length = snprintf(name, size, "%s//%u", base, replica);
    else
        length = snprintf(name, size, "%s", base);
    return length >= 0 && (size_t)length < size ? name : NULL;
}

unsigned hdpy_replica_count(unsigned configured, unsigned cores, unsigned threads, int own_gil)
{
    unsigned wanted = configured ? configured : (own_gil ? cores : 1);

    if (wanted > threads)
        wanted = threads;
    return wanted ? wanted : 1;
}

const char *hdpy_name_error(const char *name)
{
    if (!*name)
        return "the name is empty";
    if (strlen(name) > 255)
        return "the name is longer than 255 bytes";
    /* mod_wsgi would expand it, %{HOST} for one into what the client sent */
    if (*name == '%')
        return "the name begins with %";
    if (strstr(name, "//"))
        return "the name contains //, which numbers the replicas";
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return "the name contains a control character";
    return NULL;
}
