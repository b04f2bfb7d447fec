// The texts of strerror, word for word those of the GNU C library: debug and release executables say the same.
#include "standalone.h"

// What the calls of this program can answer. One string: a table of pointers would be as large again.
#define TEXTS(one) \
    one(EPERM, "Operation not permitted") \
    one(ENOENT, "No such file or directory") \
    one(ESRCH, "No such process") \
    one(EINTR, "Interrupted system call") \
    one(EIO, "Input/output error") \
    one(ENXIO, "No such device or address") \
    one(E2BIG, "Argument list too long") \
    one(ENOEXEC, "Exec format error") \
    one(EBADF, "Bad file descriptor") \
    one(ECHILD, "No child processes") \
    one(EAGAIN, "Resource temporarily unavailable") \
    one(ENOMEM, "Cannot allocate memory") \
    one(EACCES, "Permission denied") \
    one(EFAULT, "Bad address") \
    one(ENOTBLK, "Block device required") \
    one(EBUSY, "Device or resource busy") \
    one(EEXIST, "File exists") \
    one(EXDEV, "Invalid cross-device link") \
    one(ENODEV, "No such device") \
    one(ENOTDIR, "Not a directory") \
    one(EISDIR, "Is a directory") \
    one(EINVAL, "Invalid argument") \
    one(ENFILE, "Too many open files in system") \
    one(EMFILE, "Too many open files") \
    one(ENOTTY, "Inappropriate ioctl for device") \
    one(ETXTBSY, "Text file busy") \
    one(EFBIG, "File too large") \
    one(ENOSPC, "No space left on device") \
    one(ESPIPE, "Illegal seek") \
    one(EROFS, "Read-only file system") \
    one(EMLINK, "Too many links") \
    one(EPIPE, "Broken pipe") \
    one(EDOM, "Numerical argument out of domain") \
    one(ERANGE, "Numerical result out of range") \
    one(EDEADLK, "Resource deadlock avoided") \
    one(ENAMETOOLONG, "File name too long") \
    one(ENOLCK, "No locks available") \
    one(ENOSYS, "Function not implemented") \
    one(ENOTEMPTY, "Directory not empty") \
    one(ELOOP, "Too many levels of symbolic links") \
    one(ENODATA, "No data available") \
    one(ETIME, "Timer expired") \
    one(EPROTO, "Protocol error") \
    one(EBADMSG, "Bad message") \
    one(EOVERFLOW, "Value too large for defined data type") \
    one(EILSEQ, "Invalid or incomplete multibyte or wide character") \
    one(EUSERS, "Too many users") \
    one(ENOTSOCK, "Socket operation on non-socket") \
    one(EDESTADDRREQ, "Destination address required") \
    one(EMSGSIZE, "Message too long") \
    one(EPROTOTYPE, "Protocol wrong type for socket") \
    one(ENOPROTOOPT, "Protocol not available") \
    one(EPROTONOSUPPORT, "Protocol not supported") \
    one(ESOCKTNOSUPPORT, "Socket type not supported") \
    one(EOPNOTSUPP, "Operation not supported") \
    one(EPFNOSUPPORT, "Protocol family not supported") \
    one(EAFNOSUPPORT, "Address family not supported by protocol") \
    one(EADDRINUSE, "Address already in use") \
    one(EADDRNOTAVAIL, "Cannot assign requested address") \
    one(ENETDOWN, "Network is down") \
    one(ENETUNREACH, "Network is unreachable") \
    one(ENETRESET, "Network dropped connection on reset") \
    one(ECONNABORTED, "Software caused connection abort") \
    one(ECONNRESET, "Connection reset by peer") \
    one(ENOBUFS, "No buffer space available") \
    one(EISCONN, "Transport endpoint is already connected") \
    one(ENOTCONN, "Transport endpoint is not connected") \
    one(ESHUTDOWN, "Cannot send after transport endpoint shutdown") \
    one(ETIMEDOUT, "Connection timed out") \
    one(ECONNREFUSED, "Connection refused") \
    one(EHOSTDOWN, "Host is down") \
    one(EHOSTUNREACH, "No route to host") \
    one(EALREADY, "Operation already in progress") \
    one(EINPROGRESS, "Operation now in progress") \
    one(ESTALE, "Stale file handle") \
    one(EREMOTEIO, "Remote I/O error") \
    one(EDQUOT, "Disk quota exceeded") \
    one(ECANCELED, "Operation canceled") \
    one(ENOKEY, "Required key not available") \
    one(EKEYEXPIRED, "Key has expired") \
    one(EKEYREVOKED, "Key has been revoked") \
    one(EKEYREJECTED, "Key was rejected by service") \
    one(EOWNERDEAD, "Owner died") \
    one(ENOTRECOVERABLE, "State not recoverable") \
    one(EHWPOISON, "Memory page has hardware error")

#define NUMBER(number, text) number,
#define WORDS(number, text) text "\0"
static const unsigned char numbers[] = {TEXTS(NUMBER)};
static const char words[] = TEXTS(WORDS);

PLAIN char *OWN(strerror)(int number) {
    const char *text = words;
    for (size_t i = 0; i < sizeof numbers; i++, text += strlen(text) + 1)
        if (numbers[i] == number)
            return (char *)text;
    if (number == 0)
        return "Success";
    // Overwritten by the next such call, which the standard allows.
    static char unknown[32];
    char *end = unknown + sizeof unknown - 1;
    unsigned rest = number < 0 ? 0U - (unsigned)number : (unsigned)number;
    do
        *--end = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--end = '-';
    static const char before[] = "Unknown error ";
    end -= sizeof before - 1;
    return memcpy(end, before, sizeof before - 1);
}
