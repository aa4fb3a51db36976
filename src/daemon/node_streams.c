#include "daemon/node_streams.h"

#include "daemon/node_core.h"
#include "tunnel/plan.h"
#include "tunnel/plan_streams.h"

/* A server whose clients log in has its port over TCP as well; its interface is as any. */
static void request_login(const struct node_tunnel *tunnel,
						  struct stream_socket_request out_sockets[static STREAM_LISTENERS_MAX],
						  struct attachment_request *request) {
	const struct config_tunnel *config = tunnel->config;
	if (config->role != CONFIG_SERVER || !config_goes_over(config, CONFIG_TCP))
		return;
	out_sockets[0] = (struct stream_socket_request){.mark = plan_mark(config, tunnel->slot),
													.at = config->listen};
	request->streams = out_sockets;
	request->stream_count = 1;
}

void node_streams_request(const struct node_tunnel *tunnel,
						  struct stream_socket_request out_sockets[static STREAM_LISTENERS_MAX],
						  struct attachment_request *request) {
	struct stream_listener listeners[STREAM_LISTENERS_MAX];
	const struct config_tunnel *config = tunnel->config;
	if (config->logs_in)
		request_login(tunnel, out_sockets, request);
	if (!config->carries_streams)
		return;
	size_t count = plan_streams_listeners(config, listeners);
	for (size_t i = 0; i < count; i++)
		out_sockets[i] = (struct stream_socket_request){
			.datagrams = stream_listener_is_udp(&listeners[i]),
			/* What the far end is sent; the others are for programs of this host. */
			.mark =
				listeners[i].kind == STREAM_LISTENER_CARRIER ? plan_mark(config, tunnel->slot) : 0,
			.at = listeners[i].at,
		};
	request->streams = out_sockets;
	request->stream_count = count;
	/* One thread serves all of it. */
	request->shards = plan_streams_has_interface(config) ? 1 : 0;
}

/* A client connects to its server. */
static bool login_has_socket(const struct config_tunnel *tunnel,
							 const struct stream_socket_request *request, uint8_t kind,
							 struct stream_socket_request *out_request) {
	if (tunnel->role != CONFIG_CLIENT || !config_goes_over(tunnel, CONFIG_TCP) ||
		(kind != PROCESS_SOCKET_TCP_V4 && kind != PROCESS_SOCKET_TCP_V6))
		return false;
	*out_request = *request;
	out_request->family = kind == PROCESS_SOCKET_TCP_V4 ? ADDRESS_V4 : ADDRESS_V6;
	return true;
}

bool node_streams_has_socket(const struct config_tunnel *tunnel, uint16_t slot, uint8_t kind,
							 struct stream_socket_request *out_request) {
	bool server = tunnel->role == CONFIG_SERVER;
	struct stream_socket_request request = {.mark = plan_mark(tunnel, slot)};
	if (tunnel->logs_in)
		return login_has_socket(tunnel, &request, kind, out_request);
	if (!tunnel->carries_streams)
		return false;
	switch ((enum process_socket)kind) {
	case PROCESS_SOCKET_TCP_V4:
	case PROCESS_SOCKET_TCP_V6:
		request.family = kind == PROCESS_SOCKET_TCP_V4 ? ADDRESS_V4 : ADDRESS_V6;
		break;
	case PROCESS_SOCKET_UDP_V4:
	case PROCESS_SOCKET_UDP_V6:
		if (!server)
			return false;
		request.datagrams = true;
		request.family = kind == PROCESS_SOCKET_UDP_V4 ? ADDRESS_V4 : ADDRESS_V6;
		break;
	case PROCESS_SOCKET_ASSOCIATION:
		if (server || tunnel->proxy.listen.port == 0)
			return false;
		request = (struct stream_socket_request){.datagrams = true, .at = tunnel->proxy.listen};
		request.at.port = 0;
		break;
	case PROCESS_SOCKET_KINDS:
		return false;
	}
	*out_request = request;
	return true;
}

bool node_streams_may_open(struct privileged *privileged, const struct attachment *attachment,
						   uint8_t kind, struct stream_socket_request *out_request) {
	struct node *node = privileged->program;
	const struct node_tunnel *tunnel = node_tunnel_find(node, attachment->name);
	/* While a tunnel is being changed it has two configurations: the one to come counts. */
	const struct config_tunnel *config = config_find(node->config, attachment->name);
	if (!config && tunnel)
		config = tunnel->config;
	return config && node_streams_has_socket(config, attachment->slot, kind, out_request);
}
