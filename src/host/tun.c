#include "host/tun.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_tun.h>

#include "base/cleanup.h"

/* From Linux 6.2 on; older headers lack them, older kernels answer EINVAL. */
enum { TUN_OFFLOAD_USO4 = 0x20, TUN_OFFLOAD_USO6 = 0x40 };

_Static_assert(TUN_NAME_SIZE == IFNAMSIZ, "names go to the kernel as they are");

bool tun_name_valid(const char *name) {
	size_t size = strlen(name);
	if (size == 0 || size >= TUN_NAME_SIZE || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < size; i++)
		if (name[i] == '/' || name[i] == ':' || name[i] == '%' || !isgraph((unsigned char)name[i]))
			return false;
	return true;
}

static struct ifreq make_request(const char *name, int flags) {
	struct ifreq request = {.ifr_flags = (short)flags};
	memcpy(request.ifr_name, name, strlen(name));
	return request;
}

static enum err open_queue(const char *name, int flags, int *out_queue) {
	auto_close int queue = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (queue < 0)
		return err_from_errno(errno);
	struct ifreq request = make_request(name, flags);
	if (ioctl(queue, TUNSETIFF, &request))
		return err_from_errno(errno);
	*out_queue = cleanup_steal_descriptor(&queue);
	return ERR_OK;
}

/* What the driver can do at all, as IFF_ flags. */
static enum err read_features(unsigned *out_features) {
	auto_close int queue = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (queue < 0 || ioctl(queue, TUNGETFEATURES, out_features))
		return err_from_errno(errno);
	return ERR_OK;
}

static void enable_offloads(struct tun *tun, bool no_udp) {
	/* Offloads belong to the interface, so one queue sets them for all. */
	unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	unsigned long udp = TUN_OFFLOAD_USO4 | TUN_OFFLOAD_USO6;
	tun->tcp = ioctl(tun->queues[0], TUNSETOFFLOAD, tcp) == 0;
	tun->udp = tun->tcp && !no_udp && ioctl(tun->queues[0], TUNSETOFFLOAD, tcp | udp) == 0;
}

enum err tun_open(const struct tun_request *request, struct tun *out_tun) {
	if (!tun_name_valid(request->name) || request->queues == 0 || request->queues > TUN_QUEUES_MAX)
		return ERR_INVALID;
	unsigned features = 0;
	enum err error = read_features(&features);
	if (error)
		return error;
	if (if_nametoindex(request->name) != 0)
		return ERR_EXISTS;
	int flags = IFF_TUN | IFF_NO_PI;
	if (request->queues > 1) {
		if (!(features & IFF_MULTI_QUEUE))
			return ERR_UNSUPPORTED;
		flags |= IFF_MULTI_QUEUE;
	}
	struct tun tun = {.header = !request->no_header && (features & IFF_VNET_HDR)};
	if (tun.header)
		flags |= IFF_VNET_HDR;
	while (tun.count < request->queues) {
		/* The first one must create it: two daemons with several queues would share it. */
		int exclusive = tun.count == 0 ? IFF_TUN_EXCL : 0;
		error = open_queue(request->name, flags | exclusive, &tun.queues[tun.count]);
		if (error) {
			tun_done(&tun);
			return error;
		}
		tun.count++;
	}
	if (tun.header)
		enable_offloads(&tun, request->no_udp);
	*out_tun = tun;
	return ERR_OK;
}

void tun_done(struct tun *tun) {
	for (unsigned i = 0; i < tun->count; i++)
		(void)close(tun->queues[i]);
	tun->count = 0;
}

/* A queue whose interface is gone answers EBADFD to everything. */
static enum err error_of_ioctl(void) {
	return errno == EBADFD ? ERR_NO_DEVICE : err_from_errno(errno);
}

enum err tun_read_name(int queue, char out_name[static TUN_NAME_SIZE]) {
	struct ifreq request = {0};
	if (ioctl(queue, TUNGETIFF, &request))
		return error_of_ioctl();
	request.ifr_name[TUN_NAME_SIZE - 1] = '\0';
	memcpy(out_name, request.ifr_name, TUN_NAME_SIZE);
	return ERR_OK;
}

enum err tun_open_namespace(int queue, int *out_descriptor) {
	int descriptor = ioctl(queue, TUNGETDEVNETNS);
	if (descriptor < 0)
		return error_of_ioctl();
	(void)fcntl(descriptor, F_SETFD, FD_CLOEXEC);
	*out_descriptor = descriptor;
	return ERR_OK;
}
