/* A descriptor beside the bytes of a message: SCM_RIGHTS (unix(7)). Used wherever one process hands another an open file or socket. */
#ifndef SHADOWTAP_PASS_FD_H
#define SHADOWTAP_PASS_FD_H

#include <string.h>
#include <sys/socket.h>

/* Room for it, which must live as long as the message is being sent. */
union pass_fd_room {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* fd stays open here. */
static inline void pass_fd_attach(struct msghdr *m, union pass_fd_room *room, int fd)
{
	memset(room, 0, sizeof *room);
	m->msg_control = room->bytes;
	m->msg_controllen = sizeof room->bytes;
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
}

#endif
