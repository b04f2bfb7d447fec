// Messages to a service manager, and between two keepers.
#include "csystem.h"

#include <stddef.h>

union descriptors {
    char space[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr header;
};

int csys_connect_datagrams(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length = strlen(path);
    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    if (*path == '@')
        address.sun_path[0] = 0;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    const socklen_t count = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (connect(fd, (struct sockaddr *)&address, count) == 0)
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

// With up to two descriptors.
static int send_message(int fd, const char *bytes, size_t size, const int *descriptors, size_t count) {
    union descriptors control = {.header = {
        .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
    struct iovec part = {.iov_base = (char *)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int csys_send_datagram(int fd, const char *text, size_t size, int descriptor) {
    return send_message(fd, text, size, &descriptor, descriptor >= 0);
}

int csys_send_descriptors(int fd, int first, int second) {
    return send_message(fd, "", 1, (int[]){first, second}, 2);
}

int csys_receive_descriptors(int fd, int *first, int *second) {
    union descriptors control = {0};
    char space;
    struct iovec byte = {.iov_base = &space, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) < 0)
        return -1;
    if (!CMSG_FIRSTHDR(&message) || control.header.cmsg_len != CMSG_LEN(2 * sizeof(int))) {
        errno = EPROTO;
        return -1;
    }
    int received[2];
    memcpy(received, CMSG_DATA(&control.header), sizeof received);
    *first = received[0];
    *second = received[1];
    return 0;
}
