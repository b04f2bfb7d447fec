// What Swift's own library calls: the size of a hash table, and its seed.
#include "standalone.h"

PLAIN double OWN(ceil)(double value) {
    // From 2^52 on there are no fractions; this is also the way of what is not a number.
    if (!(value > -0x1p52 && value < 0x1p52))
        return value;
    double whole = (double)(long)value;
    return __builtin_copysign(whole < value ? whole + 1 : whole, value);
}

#ifdef KEEPER_STANDALONE
void arc4random_buf(void *bytes, size_t count) {
    for (char *next = bytes; count > 0;) {
        ssize_t got = getrandom(next, count, 0);
        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            next += got;
            count -= (size_t)got;
        }
    }
}
#endif
