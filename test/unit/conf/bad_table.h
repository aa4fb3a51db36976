#pragma once

/*
 * Configurations that are refused, with every line that says so. To be changed by hand; a row's
 * lines are what a person reads, so judge them as one.
 */

#define HEAD     \
	"tunnels:\n" \
	"  um0:\n"   \
	"    private_key_file: um0.key\n"
#define PEER                \
	"    peers:\n"          \
	"      - name: phone\n" \
	"        public_key: hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"

struct bad_row {
	const char *text;
	const char *lines;
};

static const struct bad_row bad_rows[] = {
	/* The text itself */
	{"tunnels: [\n", "umbra.yaml:2: no valid YAML: did not find expected node content"},
	{"node:\n"
	 "\tname: gw1\n",
	 "umbra.yaml:2: no valid YAML: found character that cannot start any token; spaces to indent, "
	 "not tabs, and quotes around texts with special characters"},
	{"node:\n"
	 "  name: gw1: gw2\n",
	 "umbra.yaml:2: no valid YAML: mapping values are not allowed in this context; quotes around "
	 "texts with a colon, and keys of one level in one column"},
	{"node: \"gw1\n", "umbra.yaml:2: no valid YAML: found unexpected end of stream"},
	{"node:\n"
	 "  name: @gw1\n",
	 "umbra.yaml:2: no valid YAML: found character that cannot start any token; spaces to indent, "
	 "not tabs, and quotes around texts with special characters"},
	{"# \377\n"
	 "node: {}\n",
	 "umbra.yaml:1: no valid YAML: invalid leading UTF-8 octet; UTF-8 text"},
	{"node: {}\n"
	 "# \377\n",
	 "umbra.yaml:2: no valid YAML: invalid leading UTF-8 octet; UTF-8 text"},
	{"node: \001\n", "umbra.yaml:1: no valid YAML: control characters are not allowed; UTF-8 text"},
	{"- node\n", "umbra.yaml:1: no map; keys like \"tunnels:\""},
	{"node\n", "umbra.yaml:1: no map; keys like \"tunnels:\""},
	{"node: {}\n"
	 "---\n"
	 "node: {}\n",
	 "umbra.yaml:2: a second document begins here; one in a file"},
	{"node: &n {}\n"
	 "control: *n\n",
	 "umbra.yaml:1: node: an anchor (&) is not supported; the value in every place that needs it\n"
	 "umbra.yaml:2: control: an alias (*) is not supported; the value itself, in quotes when it "
	 "begins with *"},
	{"node:\n"
	 "  name: *gw\n",
	 "umbra.yaml:2: node.name: an alias (*) is not supported; the value itself, in quotes when it "
	 "begins with *"},
	{"node:\n"
	 "  *gw : x\n",
	 "umbra.yaml:2: an alias (*) is not supported; the value itself, in quotes when it begins with "
	 "*"},
	{"node:\n"
	 "  name: &gw gw1\n",
	 "umbra.yaml:2: node.name: an anchor (&) is not supported; the value in every place that needs "
	 "it"},
	{"node:\n"
	 "  name: !!str gw1\n",
	 "umbra.yaml:2: node.name: a tag (!) is not supported; the value alone"},
	{"node:\n"
	 "  !!str name: gw1\n",
	 "umbra.yaml:2: a key has an anchor or a tag; the word alone"},
	{"? [node]\n"
	 ": {}\n",
	 "umbra.yaml:1: a key is a map or list; a word"},
	{"node: {}\n"
	 "control: {}\n"
	 "node: {}\n",
	 "umbra.yaml:3: node: the key stands in line 1 already; each key once"},
	{"node:\n"
	 "  name: gw1\n"
	 "  shards: 2\n"
	 "  name: gw2\n",
	 "umbra.yaml:4: node.name: the key stands in line 2 already; each key once"},
	{"node:\n"
	 "  name: \"gw\\0\"\n",
	 "umbra.yaml:2: node.name: the value has a NUL character; a plain text"},
	{"node: [[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]\n",
	 "umbra.yaml:1: maps and lists are nested deeper than 16 levels"},
	/* Keys */
	{"nodes: {}\n", "umbra.yaml:1: nodes: unknown key; did you mean node?"},
	{"frobnicate: 1\n", "umbra.yaml:1: frobnicate: unknown key; include, node, control or tunnels"},
	{"log:\n"
	 "  level: info\n",
	 "umbra.yaml:1: log: unknown key; did you mean node.log?"},
	{HEAD "    mut: 1280\n", "umbra.yaml:4: tunnels.um0.mut: unknown key; did you mean mtu?"},
	{HEAD "    private_key: dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n",
	 "umbra.yaml:4: tunnels.um0.private_key: unknown key; did you mean private_key_file?"},
	{HEAD "    priv: x\n",
	 "umbra.yaml:4: tunnels.um0.priv: unknown key; did you mean private_key_file?"},
	{HEAD "    adresses: 10.0.0.1/24\n",
	 "umbra.yaml:4: tunnels.um0.adresses: unknown key; did you mean addresses?"},
	{HEAD "    route: {}\n", "umbra.yaml:4: tunnels.um0.route: unknown key; did you mean routes?"},
	{HEAD PEER "        allowed_ip: 10.0.0.2/32\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.allowed_ip: unknown key; did you mean allowed_ips?"},
	{HEAD PEER "        color: red\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.color: unknown key; name, public_key, "
	 "preshared_key_file, endpoint, allowed_ips, persistent_keepalive or umbra"},
	{"\"\\e[31m\": 1\n", "umbra.yaml:1: ?[31m: unknown key; include, node, control or tunnels"},
	{"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=: 1\n",
	 "umbra.yaml:1: ...: unknown key; include, node, control or tunnels"},
	/* What is missing */
	{"tunnels:\n"
	 "  um0: {}\n",
	 "umbra.yaml:2: tunnels.um0.private_key_file: missing; a path like keys/um0.key, at most 4095 "
	 "characters"},
	{"tunnels:\n"
	 "  um0:\n"
	 "  um1:\n",
	 "umbra.yaml:2: tunnels.um0.private_key_file: missing; a path like keys/um0.key, at most 4095 "
	 "characters\n"
	 "umbra.yaml:3: tunnels.um1.private_key_file: missing; a path like keys/um0.key, at most 4095 "
	 "characters"},
	{HEAD "    peers:\n"
		  "      - name: phone\n",
	 "umbra.yaml:5: tunnels.um0.peers.phone.public_key: missing; 44 characters of base64, as "
	 "\"umbra pubkey\" prints them"},
	{HEAD "    peers:\n"
		  "      - allowed_ips: 10.0.0.2/32\n",
	 "umbra.yaml:5: tunnels.um0.peers.1.public_key: missing; 44 characters of base64, as \"umbra "
	 "pubkey\" prints them"},
	/* Kinds */
	{"node: gw1\n", "umbra.yaml:1: node: a text stands here; a map of keys and values"},
	{"node: [gw1]\n", "umbra.yaml:1: node: a list stands here; a map of keys and values"},
	{"node:\n"
	 "  name: [gw1]\n",
	 "umbra.yaml:2: node.name: a list stands where a value belongs; 1 to 63 letters, digits, "
	 "spaces and _.@-, beginning with a letter or digit"},
	{"node:\n"
	 "  log: debug\n",
	 "umbra.yaml:2: node.log: a text stands here; a map of keys and values"},
	{"tunnels: um0\n", "umbra.yaml:1: tunnels: a text stands here; a map of tunnels by the names "
					   "of their interfaces"},
	{"tunnels:\n"
	 "  - um0\n",
	 "umbra.yaml:1: tunnels: a list stands here; a map of tunnels by the names of their "
	 "interfaces"},
	{"tunnels:\n"
	 "  um0: up\n",
	 "umbra.yaml:2: tunnels.um0: a text stands here; a map of keys and values"},
	{"tunnels:\n"
	 "  um0: [up]\n",
	 "umbra.yaml:2: tunnels.um0: a list stands here; a map of keys and values"},
	{HEAD "    mtu: { is: 1280 }\n",
	 "umbra.yaml:4: tunnels.um0.mtu: a map stands where a value belongs; auto, or 576 to 65475"},
	{HEAD "    addresses: { v4: 10.0.0.1 }\n",
	 "umbra.yaml:4: tunnels.um0.addresses: a map stands where a value belongs; a list of addresses "
	 "with lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: [[10.0.0.1]]\n",
	 "umbra.yaml:4: tunnels.um0.addresses: a list stands in the list; a list of addresses with "
	 "lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: 10.0.0.1\n",
	 "umbra.yaml:4: tunnels.um0.addresses: \"10.0.0.1\" has no length; a list of addresses with "
	 "lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: [10.0.0.1/8, { v6: \"::1\" }]\n",
	 "umbra.yaml:4: tunnels.um0.addresses.2: a map stands in the list; a list of addresses with "
	 "lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    peers: phone\n",
	 "umbra.yaml:4: tunnels.um0.peers: a text stands here; a list of maps, each with a public_key"},
	{HEAD "    peers: { phone: {} }\n",
	 "umbra.yaml:4: tunnels.um0.peers: a map stands here; a list of maps, each with a public_key"},
	{HEAD "    peers: [phone]\n",
	 "umbra.yaml:4: tunnels.um0.peers: an item is no map; a list of maps, each with a public_key"},
	/* Numbers and choices */
	{HEAD "    mtu: big\n",
	 "umbra.yaml:4: tunnels.um0.mtu: \"big\" is no number; auto, or 576 to 65475"},
	{HEAD "    mtu: dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n",
	 "umbra.yaml:4: tunnels.um0.mtu: the value is no number; auto, or 576 to 65475"},
	{HEAD "    mtu: \"\\e[2Jbig\"\n",
	 "umbra.yaml:4: tunnels.um0.mtu: \"?[2Jbig\" is no number; auto, or 576 to 65475"},
	{HEAD "    mtu: 575\n",
	 "umbra.yaml:4: tunnels.um0.mtu: \"575\" is out of range; auto, or 576 to 65475"},
	{HEAD "    mtu: 65476\n",
	 "umbra.yaml:4: tunnels.um0.mtu: \"65476\" is out of range; auto, or 576 to 65475"},
	{HEAD "    mtu: -1\n",
	 "umbra.yaml:4: tunnels.um0.mtu: \"-1\" is out of range; auto, or 576 to 65475"},
	{HEAD "    mtu: 99999999999999999999999\n",
	 "umbra.yaml:4: tunnels.um0.mtu: \"99999999999999999999999\" is out of range; auto, or 576 to "
	 "65475"},
	{HEAD "    mtu: 01400\n",
	 "umbra.yaml:4: tunnels.um0.mtu: \"01400\" begins with a zero; auto, or 576 to 65475"},
	{HEAD "    mtu: 0x578\n",
	 "umbra.yaml:4: tunnels.um0.mtu: \"0x578\" is no number; auto, or 576 to 65475"},
	{HEAD "    mtu:\n", "umbra.yaml:4: tunnels.um0.mtu: empty; auto, or 576 to 65475"},
	{HEAD "    mtu: \"\"\n", "umbra.yaml:4: tunnels.um0.mtu: empty; auto, or 576 to 65475"},
	{HEAD "    mtu: off\n",
	 "umbra.yaml:4: tunnels.um0.mtu: \"off\" is no number; auto, or 576 to 65475"},
	{HEAD "    fwmark: 0\n", "umbra.yaml:4: tunnels.um0.fwmark: \"0\" is out of range; auto, off, "
							 "or 1 to 4294967295 (0x10 is read, too)"},
	{HEAD "    fwmark: 0x100000000\n",
	 "umbra.yaml:4: tunnels.um0.fwmark: \"0x100000000\" is out of range; auto, off, or 1 to "
	 "4294967295 (0x10 is read, too)"},
	{HEAD "    fwmark: 0xmark\n", "umbra.yaml:4: tunnels.um0.fwmark: \"0xmark\" is no number; "
								  "auto, off, or 1 to 4294967295 (0x10 is read, too)"},
	{HEAD "    fwmark: 0x\n", "umbra.yaml:4: tunnels.um0.fwmark: \"0x\" is no number; auto, off, "
							  "or 1 to 4294967295 (0x10 is read, too)"},
	{HEAD "    routes:\n"
		  "      table: 253\n",
	 "umbra.yaml:5: tunnels.um0.routes.table: \"253\" is the kernel's own; auto, off, or 1 to "
	 "4294967295 but 253 and 255"},
	{HEAD "    routes:\n"
		  "      table: main\n",
	 "umbra.yaml:5: tunnels.um0.routes.table: \"main\" is no number; auto, off, or 1 to 4294967295 "
	 "but 253 and 255"},
	{HEAD "    routes: { table: 0 }\n", "umbra.yaml:4: tunnels.um0.routes.table: \"0\" is out of "
										"range; auto, off, or 1 to 4294967295 but 253 and 255"},
	{HEAD "    autostart: yes\n",
	 "umbra.yaml:4: tunnels.um0.autostart: \"yes\" is neither; true or false"},
	{HEAD "    masquerade: \"True\"\n",
	 "umbra.yaml:4: tunnels.um0.masquerade: \"True\" is neither; true or false"},
	{HEAD PEER "        persistent_keepalive: 65536\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.persistent_keepalive: \"65536\" is out of range; off, "
	 "or 0 to 65535 seconds"},
	{HEAD PEER "        persistent_keepalive: auto\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.persistent_keepalive: \"auto\" is no number; off, or 0 "
	 "to 65535 seconds"},
	{HEAD PEER "        persistent_keepalive: 25s\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.persistent_keepalive: \"25s\" is no number; off, or 0 "
	 "to 65535 seconds"},
	{"node: { shards: 17 }\n",
	 "umbra.yaml:1: node.shards: \"17\" is out of range; auto, or 1 to 16"},
	{"node: { shards: 0 }\n", "umbra.yaml:1: node.shards: \"0\" is out of range; auto, or 1 to 16"},
	{"node: { aead: rot13 }\n",
	 "umbra.yaml:1: node.aead: \"rot13\" is not known; auto, openssl or ipsec-mb"},
	{"node:\n"
	 "  log:\n"
	 "    level: loud\n"
	 "    format: xml\n",
	 "umbra.yaml:3: node.log.level: \"loud\" is not known; silent, error, warning, info or debug\n"
	 "umbra.yaml:4: node.log.format: \"xml\" is not known; text or json"},
	{"node: { offload: { tun: 1 } }\n",
	 "umbra.yaml:1: node.offload.tun: \"1\" is neither; true or false"},
	/* Names and paths */
	{"node: { name: -gw }\n", "umbra.yaml:1: node.name: \"-gw\" is no name; 1 to 63 letters, "
							  "digits, spaces and _.@-, beginning with a letter or digit"},
	{"node: { name: a/b }\n", "umbra.yaml:1: node.name: \"a/b\" is no name; 1 to 63 letters, "
							  "digits, spaces and _.@-, beginning with a letter or digit"},
	{"node: { name: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx }\n",
	 "umbra.yaml:1: node.name: the value is no name; 1 to 63 letters, digits, spaces and _.@-, "
	 "beginning with a letter or digit"},
	{"tunnels:\n"
	 "  lo: { private_key_file: k }\n",
	 "umbra.yaml:2: tunnels.lo: no name for a tunnel; 1 to 15 letters, digits and _.-, beginning "
	 "with a letter or digit, and not lo, all or default"},
	{"tunnels:\n"
	 "  all: { private_key_file: k }\n",
	 "umbra.yaml:2: tunnels.all: no name for a tunnel; 1 to 15 letters, digits and _.-, beginning "
	 "with a letter or digit, and not lo, all or default"},
	{"tunnels:\n"
	 "  interface-too-long: { private_key_file: k }\n",
	 "umbra.yaml:2: tunnels.interface-too-long: no name for a tunnel; 1 to 15 letters, digits and "
	 "_.-, beginning with a letter or digit, and not lo, all or default"},
	{"tunnels:\n"
	 "  um/0: { private_key_file: k }\n",
	 "umbra.yaml:2: tunnels.um/0: no name for a tunnel; 1 to 15 letters, digits and _.-, beginning "
	 "with a letter or digit, and not lo, all or default"},
	{"tunnels:\n"
	 "  ..: { private_key_file: k }\n",
	 "umbra.yaml:2: tunnels...: no name for a tunnel; 1 to 15 letters, digits and _.-, beginning "
	 "with a letter or digit, and not lo, all or default"},
	{"tunnels:\n"
	 "  um0: { private_key_file: \"\" }\n",
	 "umbra.yaml:2: tunnels.um0.private_key_file: empty; a path like keys/um0.key, at most 4095 "
	 "characters"},
	{"tunnels:\n"
	 "  um0: { private_key_file: \"a\\nb\" }\n",
	 "umbra.yaml:2: tunnels.um0.private_key_file: \"a?b\" has characters that are no UTF-8, or "
	 "control characters; a path like keys/um0.key, at most 4095 characters"},
	{"control:\n"
	 "  socket: "
	 "/run/"
	 "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
	 "ssssssssss\n",
	 "umbra.yaml:2: control.socket: the value is too long; a path like /run/umbra/control.sock, at "
	 "most 107 characters"},
	{"control:\n"
	 "  socket: \"\"\n",
	 "umbra.yaml:2: control.socket: empty; a path like /run/umbra/control.sock, at most 107 "
	 "characters"},
	/* Addresses, hosts and ports */
	{"control:\n"
	 "  metrics: localhost:9090\n",
	 "umbra.yaml:2: control.metrics: \"localhost:9090\" is neither a port nor an address with one; "
	 "an address and port like 127.0.0.1:9090, or a port of 127.0.0.1"},
	{"control:\n"
	 "  metrics: 65536\n",
	 "umbra.yaml:2: control.metrics: \"65536\" is out of range; an address and port like "
	 "127.0.0.1:9090, or a port of 127.0.0.1"},
	{HEAD "    listen: 65536\n",
	 "umbra.yaml:4: tunnels.um0.listen: \"65536\" is out of range; a port, or an address and port "
	 "like \"[::]:51820\" or 192.0.2.1:51820"},
	{HEAD "    listen: 051820\n",
	 "umbra.yaml:4: tunnels.um0.listen: \"051820\" begins with a zero; a port, or an address and "
	 "port like \"[::]:51820\" or 192.0.2.1:51820"},
	{HEAD "    listen: any\n",
	 "umbra.yaml:4: tunnels.um0.listen: \"any\" is neither a port nor an address with one; a port, "
	 "or an address and port like \"[::]:51820\" or 192.0.2.1:51820"},
	{HEAD "    listen: 192.0.2.1\n",
	 "umbra.yaml:4: tunnels.um0.listen: \"192.0.2.1\" is neither a port nor an address with one; a "
	 "port, or an address and port like \"[::]:51820\" or 192.0.2.1:51820"},
	{HEAD "    listen: \"::1:51820\"\n",
	 "umbra.yaml:4: tunnels.um0.listen: \"::1:51820\" is neither a port nor an address with one; a "
	 "port, or an address and port like \"[::]:51820\" or 192.0.2.1:51820"},
	{HEAD "    listen: \"[fe80::1%eth0]:51820\"\n",
	 "umbra.yaml:4: tunnels.um0.listen: \"[fe80::1%eth0]:51820\" has a scope; a port, or an "
	 "address and port like \"[::]:51820\" or 192.0.2.1:51820"},
	{HEAD "    listen: \"[192.0.2.1]:51820\"\n",
	 "umbra.yaml:4: tunnels.um0.listen: \"[192.0.2.1]:51820\" is neither a port nor an address "
	 "with one; a port, or an address and port like \"[::]:51820\" or 192.0.2.1:51820"},
	{HEAD "    addresses: [10.66.0.1/33]\n",
	 "umbra.yaml:4: tunnels.um0.addresses: \"10.66.0.1/33\" has a bad length; a list of addresses "
	 "with lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: [224.0.0.1/4, \"ff02::1/64\", 0.0.0.0/0]\n",
	 "umbra.yaml:4: tunnels.um0.addresses: \"224.0.0.1/4\" is no address that an interface can "
	 "have; "
	 "a list of addresses with lengths like [10.66.0.1/24, \"fd66::1/64\"]\n"
	 "umbra.yaml:4: tunnels.um0.addresses: \"ff02::1/64\" is no address that an interface can "
	 "have; "
	 "a list of addresses with lengths like [10.66.0.1/24, \"fd66::1/64\"]\n"
	 "umbra.yaml:4: tunnels.um0.addresses: \"0.0.0.0/0\" is no address that an interface can have; "
	 "a list of addresses with lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: [10.66.0.256/24]\n",
	 "umbra.yaml:4: tunnels.um0.addresses: \"10.66.0.256/24\" is no address; a list of addresses "
	 "with lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: [10.66.0.1/]\n",
	 "umbra.yaml:4: tunnels.um0.addresses: \"10.66.0.1/\" has a bad length; a list of addresses "
	 "with lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: [10.66.0.1/24, \"fd66::1/129\"]\n",
	 "umbra.yaml:4: tunnels.um0.addresses: \"fd66::1/129\" has a bad length; a list of addresses "
	 "with lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: 10.66.0.1/24, fd66::1/64\n",
	 "umbra.yaml:4: tunnels.um0.addresses: \"10.66.0.1/24, fd66::1/64\" are several; a list of "
	 "addresses with lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: [\"\"]\n", "umbra.yaml:4: tunnels.um0.addresses: empty; a list of "
									 "addresses with lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD "    addresses: [vpn.example.org]\n",
	 "umbra.yaml:4: tunnels.um0.addresses: \"vpn.example.org\" is no address; a list of addresses "
	 "with lengths like [10.66.0.1/24, \"fd66::1/64\"]"},
	{HEAD PEER "        endpoint: vpn.example.org\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"vpn.example.org\" has no port; a host and "
	 "a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: vpn.example.org:0\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"vpn.example.org:0\" has a bad port; a host "
	 "and a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: vpn.example.org:65536\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"vpn.example.org:65536\" has a bad port; a "
	 "host and a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: 2001:db8::1:51820\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"2001:db8::1:51820\" has an IPv6 address "
	 "without brackets; a host and a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: \"[192.0.2.1]:51820\"\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"[192.0.2.1]:51820\" has no IPv6 address in "
	 "its brackets; a host and a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: \"[2001:db8::1]\"\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"[2001:db8::1]\" has no port; a host and a "
	 "port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: 192.0.2.300:51820\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"192.0.2.300:51820\" begins with no name or "
	 "address; a host and a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: vpn..example.org:51820\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"vpn..example.org:51820\" begins with no "
	 "name or address; a host and a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: -vpn.example.org:51820\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"-vpn.example.org:51820\" begins with no "
	 "name or address; a host and a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: \":51820\"\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \":51820\" begins with no name or address; a "
	 "host and a port like vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD PEER "        endpoint: v\303\274pn.example.org:51820\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.endpoint: \"v\303\274pn.example.org:51820\" begins "
	 "with no name or address; a host and a port like vpn.example.org:51820 or "
	 "\"[2001:db8::1]:51820\""},
	{HEAD PEER "        allowed_ips: [10.66.0.2/32, 10.66.0.3/40]\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.allowed_ips: \"10.66.0.3/40\" has a bad length; a list "
	 "of prefixes like [10.66.0.0/24, \"fd66::/64\"]"},
	{HEAD PEER "        allowed_ips:\n"
			   "          - 10.66.0.2/32\n"
			   "          - ten\n",
	 "umbra.yaml:9: tunnels.um0.peers.phone.allowed_ips: \"ten\" is no address; a list of prefixes "
	 "like [10.66.0.0/24, \"fd66::/64\"]"},
	{HEAD "    clients:\n"
		  "      dns: [10.66.0.1/24]\n"
		  "      endpoint: here\n",
	 "umbra.yaml:5: tunnels.um0.clients.dns: \"10.66.0.1/24\" is no address; a list of addresses "
	 "like [192.0.2.1, \"2001:db8::1\"]\n"
	 "umbra.yaml:6: tunnels.um0.clients.endpoint: \"here\" has no port; a host and a port like "
	 "vpn.example.org:51820 or \"[2001:db8::1]:51820\""},
	{HEAD "    clients: { dns: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, "
		  "10.0.0.7, 10.0.0.8, 10.0.0.9] }\n",
	 "umbra.yaml:4: tunnels.um0.clients.dns: the list has 9 items; at most 8"},
	{HEAD
	 "    dns: { servers: [10.66.0.1:53], domains: [a..b], leak_protection: yes, manager: me }\n",
	 "umbra.yaml:4: tunnels.um0.dns.servers: \"10.66.0.1:53\" is no address; push, or a list of "
	 "addresses like [192.0.2.1, \"2001:db8::1\"]\n"
	 "umbra.yaml:4: tunnels.um0.dns.domains: \"a..b\" is no domain name; a list of domain names "
	 "like [corp.example.org]\n"
	 "umbra.yaml:4: tunnels.um0.dns.leak_protection: \"yes\" is neither; true or false\n"
	 "umbra.yaml:4: tunnels.um0.dns.manager: \"me\" is not known; auto, resolved, resolvconf, file "
	 "or off"},
	{HEAD "    dns: { servers: push }\n",
	 "umbra.yaml:4: tunnels.um0.dns.servers: push, but no server gives this end its name servers; "
	 "a "
	 "list of addresses"},
	{HEAD "    dns:\n"
		  "      domains: [corp.example]\n"
		  "      search: [corp.example]\n",
	 "umbra.yaml:5: tunnels.um0.dns.domains: there are no servers to ask; dns.servers as well\n"
	 "umbra.yaml:6: tunnels.um0.dns.search: there are no servers to ask; dns.servers as well"},
	{HEAD "    routes: { include: [default] }\n",
	 "umbra.yaml:4: tunnels.um0.routes.include: \"default\" is no address; a list of prefixes like "
	 "[10.66.0.0/24, \"fd66::/64\"]"},
	/* Keys of peers */
	{HEAD "    peers:\n"
		  "      - { name: phone, public_key: secret }\n",
	 "umbra.yaml:5: tunnels.um0.peers.phone.public_key: the value is too short for a key; 44 "
	 "characters of base64, as \"umbra pubkey\" prints them"},
	{HEAD
	 "    peers:\n"
	 "      - { name: phone, public_key: \"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo==\" }\n",
	 "umbra.yaml:5: tunnels.um0.peers.phone.public_key: the value is too long for a key; 44 "
	 "characters of base64, as \"umbra pubkey\" prints them"},
	{HEAD "    peers:\n"
		  "      - { name: phone, public_key: \"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmp=\" }\n",
	 "umbra.yaml:5: tunnels.um0.peers.phone.public_key: the value is not the base64 of 32 bytes; "
	 "44 characters of base64, as \"umbra pubkey\" prints them"},
	{HEAD "    peers:\n"
		  "      - { name: phone, public_key: \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" }\n",
	 "umbra.yaml:5: tunnels.um0.peers.phone.public_key: the value is all zeros; 44 characters of "
	 "base64, as \"umbra pubkey\" prints them"},
	{HEAD "    peers:\n"
		  "      - { name: hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=, public_key: "
		  "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo= }\n",
	 "umbra.yaml:5: tunnels.um0.peers.....name: the value is no name; 1 to 63 letters, digits, "
	 "spaces and _.@-, beginning with a letter or digit"},
	/* What does not go together */
	{HEAD PEER "      - name: phone\n"
			   "        public_key: dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n",
	 "umbra.yaml:7: tunnels.um0.peers.phone.name: \"phone\" is the name of the peer at "
	 "umbra.yaml:5, too; a name of its own"},
	{HEAD PEER "      - name: tablet\n"
			   "        public_key: hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n",
	 "umbra.yaml:8: tunnels.um0.peers.tablet.public_key: the peer at umbra.yaml:5 has the same "
	 "key; each peer its own"},
	{HEAD PEER "      - public_key: hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n",
	 "umbra.yaml:7: tunnels.um0.peers.2.public_key: the peer at umbra.yaml:5 has the same key; "
	 "each peer its own"},
	{HEAD PEER "        allowed_ips: [10.66.0.2/32, \"fd66::2/128\"]\n"
			   "      - name: tablet\n"
			   "        public_key: dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n"
			   "        allowed_ips:\n"
			   "          - 10.66.0.3/32\n"
			   "          - fd66:0::2\n",
	 "umbra.yaml:12: tunnels.um0.peers.tablet.allowed_ips: fd66::2/128 leads to the peer at "
	 "umbra.yaml:5 already; a prefix belongs to one peer"},
	{HEAD PEER "        allowed_ips: 10.66.0.0/24\n"
			   "      - public_key: dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n"
			   "        allowed_ips: 10.66.0.77/24\n",
	 "umbra.yaml:9: tunnels.um0.peers.2.allowed_ips: 10.66.0.0/24 leads to the peer at "
	 "umbra.yaml:5 already; a prefix belongs to one peer"},
	{HEAD "    fwmark: off\n    routes: { include: [0.0.0.0/0] }\n",
	 "umbra.yaml:4: tunnels.um0.fwmark: off, but a default route goes into the tunnel; auto or a "
	 "number, or routes.table off"},
	{HEAD "    kill_switch: true\n    routes: { include: [10.0.0.0/8] }\n",
	 "umbra.yaml:4: tunnels.um0.kill_switch: true, but the tunnel takes no default route; "
	 "0.0.0.0/0 or "
	 "::/0 in routes.include or in a peer's allowed_ips with routes.table auto, or false"},
	{HEAD "    kill_switch: true\n    routes: { include: [0.0.0.0/0], table: 9 }\n",
	 "umbra.yaml:4: tunnels.um0.kill_switch: true, but the tunnel takes no default route; "
	 "0.0.0.0/0 or "
	 "::/0 in routes.include or in a peer's allowed_ips with routes.table auto, or false"},
	{HEAD "    routes: { include: [10.0.0.0/8, \"::/0\"], exclude: [10.1.0.0/16, \"::/0\"] }\n",
	 "umbra.yaml:4: tunnels.um0.routes.exclude: ::/0 stands in routes.include as well; a part of "
	 "it, or in one of the lists"},
	{HEAD "    mtu: 1279\n"
		  "    addresses: [10.66.0.1/24, \"fd66::1/64\"]\n",
	 "umbra.yaml:4: tunnels.um0.mtu: 1279 is too small for IPv6 addresses; 1280 or more"},
	{HEAD "    addresses: [10.66.0.1/24, 10.66.0.1/32]\n",
	 "umbra.yaml:4: tunnels.um0.addresses: 10.66.0.1 stands in the list twice; each address once"},
	{HEAD "    listen: 51820\n"
		  "  um1:\n"
		  "    private_key_file: um1.key\n"
		  "    listen: \"[::]:51820\"\n",
	 "umbra.yaml:7: tunnels.um1.listen: port 51820 is taken by the tunnel at umbra.yaml:2; another "
	 "port or address"},
	{HEAD "    listen: 0.0.0.0:51820\n"
		  "  um1:\n"
		  "    private_key_file: um1.key\n"
		  "    listen: 192.0.2.1:51820\n",
	 "umbra.yaml:7: tunnels.um1.listen: port 51820 is taken by the tunnel at umbra.yaml:2; another "
	 "port or address"},
	{HEAD "    listen: \"[2001:db8::1]:51820\"\n"
		  "  um1:\n"
		  "    private_key_file: um1.key\n"
		  "    listen: 51820\n",
	 "umbra.yaml:7: tunnels.um1.listen: port 51820 is taken by the tunnel at umbra.yaml:2; another "
	 "port or address"},
	/* Names whose addresses are led */
	{"node: { dns_step: \"192.0.2.1:53\" }\n" HEAD "    mtu: 1400\n",
	 "umbra.yaml:1: node.dns_step: others could ask there; an address of this host alone like "
	 "127.0.0.153:53"},
	{"node: { dns_step: 0 }\n" HEAD "    routes: { exclude_domains: [a.example] }\n",
	 "umbra.yaml:5: tunnels.um0.routes.exclude_domains: node.dns_step is off, which would see the "
	 "addresses"},
	{HEAD "    fwmark: off\n"
		  "    dns: { servers: [10.66.0.1], manager: resolved }\n"
		  "    routes:\n"
		  "      include_domains: [a.example, B.Example]\n"
		  "      exclude_domains: [b.example.]\n",
	 "umbra.yaml:7: tunnels.um0.routes.include_domains: systemd-resolved cannot ask the daemon; "
	 "dns.manager: file, resolvconf or off\n"
	 "umbra.yaml:7: tunnels.um0.routes.include_domains: with fwmark off the tunnel's own packets "
	 "could go into the tunnel; auto or a number\n"
	 "umbra.yaml:7: tunnels.um0.routes.include_domains: b.example is in routes.include_domains and "
	 "routes.exclude_domains; one of them"},
	{HEAD "    routes: { include_domains: [\"*.example\"] }\n",
	 "umbra.yaml:4: tunnels.um0.routes.include_domains: \"*.example\" is no domain name; a list of "
	 "domain names like [corp.example.org]"},
	/* Several at once */
	{"node:\n"
	 "  shards: many\n"
	 "  nam: gw1\n"
	 "control: off\n"
	 "tunnels:\n"
	 "  um0:\n"
	 "    mtu: 1\n"
	 "    peers:\n"
	 "      - name: phone\n"
	 "        public_key: x\n"
	 "        endpoint: y\n",
	 "umbra.yaml:2: node.shards: \"many\" is no number; auto, or 1 to 16\n"
	 "umbra.yaml:3: node.nam: unknown key; did you mean name?\n"
	 "umbra.yaml:4: control: a text stands here; a map of keys and values\n"
	 "umbra.yaml:7: tunnels.um0.mtu: \"1\" is out of range; auto, or 576 to 65475\n"
	 "umbra.yaml:10: tunnels.um0.peers.phone.public_key: the value is too short for a key; 44 "
	 "characters of base64, as \"umbra pubkey\" prints them\n"
	 "umbra.yaml:11: tunnels.um0.peers.phone.endpoint: \"y\" has no port; a host and a port like "
	 "vpn.example.org:51820 or \"[2001:db8::1]:51820\"\n"
	 "umbra.yaml:6: tunnels.um0.private_key_file: missing; a path like keys/um0.key, at most 4095 "
	 "characters"},
	/* Not for a text in memory */
	{"include: other.yaml\n",
	 "umbra.yaml:1: include: not possible here; one text without other files"},
};
