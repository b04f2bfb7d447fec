#include "standalone.h"

#ifdef KEEPER_STANDALONE
// The kernel's struct termios has room for 19 control characters and no speeds of their own.
struct kernel_termios {
    tcflag_t input, output, control, local;
    cc_t line, characters[19];
};

int tcgetattr(int fd, struct termios *settings) {
    struct kernel_termios now;
    if (ioctl(fd, TCGETS, &now) < 0)
        return -1;
    *settings = (struct termios){
        .c_iflag = now.input,
        .c_oflag = now.output,
        .c_cflag = now.control,
        .c_lflag = now.local,
        .c_line = now.line,
        .c_ispeed = now.control & (CBAUD | CBAUDEX),
        .c_ospeed = now.control & (CBAUD | CBAUDEX),
    };
    memcpy(settings->c_cc, now.characters, sizeof now.characters);
    return 0;
}

int tcsetattr(int fd, int when, const struct termios *settings) {
    struct kernel_termios wanted = {settings->c_iflag, settings->c_oflag, settings->c_cflag, settings->c_lflag,
                                    settings->c_line,  {0}};
    memcpy(wanted.characters, settings->c_cc, sizeof wanted.characters);
    if (when != TCSANOW && when != TCSADRAIN && when != TCSAFLUSH) {
        errno = EINVAL;
        return -1;
    }
    return ioctl(fd, (unsigned long)(TCSETS + when), &wanted);
}

void cfmakeraw(struct termios *settings) {
    settings->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    settings->c_oflag &= ~(tcflag_t)OPOST;
    settings->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    settings->c_cflag = (settings->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    settings->c_cc[VMIN] = 1;
    settings->c_cc[VTIME] = 0;
}

int isatty(int fd) {
    struct kernel_termios now;
    return ioctl(fd, TCGETS, &now) == 0;
}
#endif
