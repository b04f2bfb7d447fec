#include "standalone.h"

#ifdef KEEPER_STANDALONE
// Where the entry with this name is, or the end.
static char **entry(const char *name, size_t length) {
    char **next = environ;
    while (*next && !(strncmp(*next, name, length) == 0 && (*next)[length] == '='))
        next++;
    return next;
}

char *getenv(const char *name) {
    size_t length = strlen(name);
    char *found = *entry(name, length);
    return found ? found + length + 1 : NULL;
}

// What it replaces may be in use and is never freed.
int setenv(const char *name, const char *value, int overwrite) {
    size_t length = strlen(name);
    if (length == 0 || strchr(name, '=')) {
        errno = EINVAL;
        return -1;
    }
    char **place = entry(name, length);
    if (*place && !overwrite)
        return 0;
    size_t count = (size_t)(place - environ), size = strlen(value) + 1;
    char *text = malloc(length + 1 + size);
    char **larger = *place ? environ : malloc((count + 2) * sizeof *larger);
    if (!text || !larger) {
        free(text);
        if (!*place)
            free(larger);
        return -1;
    }
    memcpy(text, name, length);
    text[length] = '=';
    memcpy(text + length + 1, value, size);
    if (!*place) {
        memcpy(larger, environ, count * sizeof *larger);
        larger[count + 1] = NULL;
    }
    larger[count] = text;
    environ = larger;
    return 0;
}
#endif
