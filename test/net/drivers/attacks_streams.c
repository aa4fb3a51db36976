#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "attacks.h"
#include "crypto/tls_client.h"
#include "daemon/stream_thread.h"

static bool connects(int descriptor, uint16_t port) {
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return connect(descriptor, (const void *)&address, sizeof address) == 0 ||
		   errno == ECONNREFUSED;
}

static bool accepts(int descriptor) {
	return accept4(descriptor, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EAGAIN;
}

static bool encrypts(void) {
	const uint8_t pins[1][TLS_PIN_SIZE] = {{1}};
	const char *const protocols[] = {"h2"};
	const struct tls_client_options options = {
		.pins = pins, .pin_count = 1, .protocols = protocols, .protocol_count = 1};
	struct tls_client *client = NULL;
	const char *fault;
	bool good = tls_client_new(&options, &client, &fault) == ERR_OK;
	tls_client_free(client);
	return good;
}

long attacks_run_streams(int descriptor, int listener, uint16_t port) {
	struct stream_thread *thread = NULL;
	int ends[2];
	bool good = stream_thread_new("streams", &thread) == ERR_OK && encrypts() &&
				socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0;
	stream_thread_free(thread);
	good = good && accepts(listener) && connects(descriptor, port);
	errno = EPERM;
	return good ? 0 : -1;
}
