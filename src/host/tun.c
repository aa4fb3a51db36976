#include "host/tun.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "host/tun_internal.h"

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

static int open_device(void) {
	return open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static int control_device(int descriptor, unsigned long request, void *argument) {
	return ioctl(descriptor, request, argument);
}

static const struct tun_calls system_calls = {
	.open = open_device,
	.control = control_device,
	.close = close,
};

/* A new descriptor, and one request to it; closed again when that is refused. */
static enum err open_with(const struct tun_calls *calls, unsigned long request, void *argument,
						  int *out_descriptor) {
	int descriptor = calls->open();
	if (descriptor < 0)
		return err_from_errno(errno);
	if (calls->control(descriptor, request, argument)) {
		enum err error = err_from_errno(errno);
		(void)calls->close(descriptor);
		return error;
	}
	*out_descriptor = descriptor;
	return ERR_OK;
}

/* What the driver can do at all, as IFF_ flags. */
static enum err read_features(const struct tun_calls *calls, unsigned *out_features) {
	int descriptor;
	enum err error = open_with(calls, TUNGETFEATURES, out_features, &descriptor);
	if (!error)
		(void)calls->close(descriptor);
	return error;
}

static bool set_offloads(const struct tun_calls *calls, const struct tun *tun,
						 unsigned long offloads) {
	/* They belong to the interface, so one queue sets them for all. */
	return calls->control(tun->queues[0], TUNSETOFFLOAD, (void *)offloads) == 0;
}

/* The kernel takes all of what it is asked for or nothing, so more is asked for step by step. */
static void enable_offloads(const struct tun_calls *calls, struct tun *tun, bool no_udp) {
	unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	unsigned long udp = TUN_OFFLOAD_USO4 | TUN_OFFLOAD_USO6;
	tun->tcp = set_offloads(calls, tun, tcp);
	tun->udp = tun->tcp && !no_udp && set_offloads(calls, tun, tcp | udp);
}

static void close_queues(const struct tun_calls *calls, struct tun *tun) {
	for (unsigned i = 0; i < tun->count; i++)
		(void)calls->close(tun->queues[i]);
	tun->count = 0;
}

static enum err open_queues(const struct tun_request *request, const struct tun_calls *calls,
							int flags, struct tun *tun) {
	while (tun->count < request->queues) {
		/* The first one must create it: two daemons with several queues would share it. */
		int exclusive = tun->count == 0 ? IFF_TUN_EXCL : 0;
		struct ifreq name = make_request(request->name, flags | exclusive);
		enum err error = open_with(calls, TUNSETIFF, &name, &tun->queues[tun->count]);
		if (error) {
			close_queues(calls, tun);
			return error;
		}
		tun->count++;
	}
	return ERR_OK;
}

enum err tun_open_with(const struct tun_request *request, const struct tun_calls *calls,
					   struct tun *out_tun) {
	if (!tun_name_valid(request->name) || request->queues == 0 || request->queues > TUN_QUEUES_MAX)
		return ERR_INVALID;
	unsigned features = 0;
	enum err error = read_features(calls, &features);
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
	error = open_queues(request, calls, flags | (tun.header ? IFF_VNET_HDR : 0), &tun);
	if (error == ERR_INVALID && tun.header) {
		tun.header = false;
		error = open_queues(request, calls, flags, &tun);
	}
	if (error)
		return error;
	if (tun.header)
		enable_offloads(calls, &tun, request->no_udp);
	*out_tun = tun;
	return ERR_OK;
}

enum err tun_open(const struct tun_request *request, struct tun *out_tun) {
	return tun_open_with(request, &system_calls, out_tun);
}

void tun_done(struct tun *tun) {
	close_queues(&system_calls, tun);
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
