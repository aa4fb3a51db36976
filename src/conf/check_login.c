#include "conf/check_login.h"

#include <string.h>

#include "conf/fault.h"
#include "conf/login.h"

/* What is there is told of itself; what is missing at the group, or the tunnel without one. */
static void tell(const struct tree_node *tunnel, const char *key, struct config_errors *errors,
				 const char *text) {
	static const char group[] = "auth.";
	const struct tree_node *auth = tree_get(tunnel, "auth");
	const struct tree_node *node = tree_get(auth, key + sizeof group - 1);
	if (node)
		fault_add(errors, node, NULL, "%s", text);
	else if (auth)
		fault_add(errors, auth, key + sizeof group - 1, "missing; %s", text);
	else
		fault_add(errors, tunnel, key, "missing; %s", text);
}

/* Whether there is an address for somebody besides the tunnel itself: tunnel/directory.h. */
static bool has_room(const struct prefix *network) {
	const size_t bits = 8 * address_size(&network->address);
	return network->length < bits;
}

static void check_pool(const struct config_tunnel *tunnel, const struct tree_node *node,
					   struct config_errors *errors) {
	const struct tree_node *list = tree_get(node, "addresses");
	bool found = !list;
	for (size_t i = 0; i < tunnel->addresses.count; i++)
		found |= has_room(&tunnel->addresses.items[i]);
	if (!found)
		fault_add(errors, list, NULL,
				  "no address is left for clients, who get theirs of these networks; one with "
				  "room like [10.66.0.1/24]");
}

/* Also with a value that is none, which was told of. */
static bool has(const struct tree_node *tunnel, const char *key) {
	return tree_get(tree_get(tunnel, "auth"), key) != NULL;
}

static bool demands(const struct config_login *login, const char *what) {
	for (size_t i = 0; i < login->demands.count; i++)
		if (strcmp(login->demands.items[i], what) == 0)
			return true;
	return false;
}

static void check_client(const struct config_tunnel *tunnel, const struct tree_node *node,
						 struct config_errors *errors) {
	char name[VALUE_NAME_SIZE];
	if (!has(node, "ca_file") && !has(node, "pin"))
		tell(node, "auth.ca_file", errors,
			 "the authority that vouches for the server (ca.pem, as its operator gives it), or "
			 "auth.pin");
	if (has(node, "certificate_file") && !has(node, "key_file"))
		tell(node, "auth.key_file", errors, "the private key of certificate_file");
	if (!has(node, "certificate_file") && has(node, "key_file"))
		tell(node, "auth.certificate_file", errors, "the certificate that key_file is of");
	if (has(node, "password_file") && !has(node, "username") && !has(node, "certificate_file"))
		tell(node, "auth.username", errors, "whose password it is");
	if (!has(node, "server_name") && tunnel->shared.endpoints.count > 0 &&
		login_server_name(tunnel, name))
		tell(node, "auth.server_name", errors,
			 "the first endpoint has no name that could stand in a certificate");
}

void check_login(const struct config_tunnel *tunnel, const struct tree_node *node,
				 struct config_errors *errors) {
	if (has(node, "crl_file") && !has(node, "ca_file"))
		tell(node, "auth.ca_file", errors, "the authorities whose lists are in crl_file");
	if (tunnel->role == CONFIG_CLIENT) {
		check_client(tunnel, node, errors);
		return;
	}
	check_pool(tunnel, node, errors);
	if (demands(&tunnel->login, "certificate") && !has(node, "ca_file") && !has(node, "crl_file"))
		tell(node, "auth.ca_file", errors,
			 "the authorities that vouch for clients, as demands has certificate");
}
