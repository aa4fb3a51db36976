#include "host/route_mtu.h"

#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "host/route.h"
#include "host/route_message.h"

struct answer {
	uint32_t interface, mtu;
	bool local, expires;
};

static int read_metric(const struct nlattr *attribute, void *context) {
	struct answer *answer = context;
	if (mnl_attr_get_type(attribute) == RTAX_MTU && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
		answer->mtu = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int read_attribute(const struct nlattr *attribute, void *context) {
	struct answer *answer = context;
	uint16_t type = mnl_attr_get_type(attribute);
	struct rta_cacheinfo cached;
	if (type == RTA_OIF && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
		answer->interface = mnl_attr_get_u32(attribute);
	else if (type == RTA_METRICS)
		(void)mnl_attr_parse_nested(attribute, read_metric, answer);
	else if (type == RTA_CACHEINFO && mnl_attr_get_payload_len(attribute) >= sizeof cached) {
		memcpy(&cached, mnl_attr_get_payload(attribute), sizeof cached);
		answer->expires = cached.rta_expires != 0;
	}
	return MNL_CB_OK;
}

static void read_route(void *context, const struct nlmsghdr *message) {
	struct answer *answer = context;
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof *body)
		return;
	answer->local = body->rtm_type == RTN_LOCAL;
	(void)mnl_attr_parse(message, sizeof *body, read_attribute, answer);
}

/* flags: 0, the way that a datagram goes; RTM_F_FIB_MATCH, the route of the table that it is of. */
static enum err ask(struct route *route, const struct address *to, uint32_t mark, unsigned flags,
					struct answer *out_answer, int *out_number) {
	_Alignas(NLMSG_ALIGNTO) char buffer[ROUTE_MESSAGE_SIZE] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = RTM_GETROUTE;
	struct rtmsg *body = mnl_nlmsg_put_extra_header(request, sizeof *body);
	body->rtm_family = to->family == ADDRESS_V4 ? AF_INET : AF_INET6;
	body->rtm_dst_len = (uint8_t)(8 * address_size(to));
	body->rtm_flags = flags;
	mnl_attr_put(request, RTA_DST, address_size(to), to->bytes);
	if (mark)
		mnl_attr_put_u32(request, RTA_MARK, mark);
	*out_answer = (struct answer){.mtu = 0};
	return route_ask(route, request, read_route, out_answer, out_number);
}

/*
 * What was learnt stands in the place of the route's own metric, and expires; so does a route that
 * a router has advertised, whose metric it is.
 */
static enum err look_behind(struct route *route, const struct address *to, uint32_t mark,
							struct answer *answer) {
	struct answer entry;
	int number;
	enum err error = ask(route, to, mark, RTM_F_FIB_MATCH, &entry, &number);
	if (!error)
		answer->mtu = number == 0 ? entry.mtu : 0;
	return error;
}

enum err route_mtu_get(struct route *route, const struct address *to, uint32_t mark,
					   struct route_mtu *out_mtu, int *out_number) {
	struct answer answer;
	int number = 0;
	enum err error = ask(route, to, mark, 0, &answer, &number);
	if (!error && number == 0 && answer.expires)
		error = look_behind(route, to, mark, &answer);
	struct route_link link = {.mtu = 0};
	if (!error && number == 0)
		error = route_link_get(route, NULL, answer.interface, &link, &number);
	if (error)
		return error;
	*out_number = number;
	if (number == 0)
		*out_mtu =
			(struct route_mtu){.mtu = answer.mtu ? answer.mtu : link.mtu, .local = answer.local};
	return ERR_OK;
}
