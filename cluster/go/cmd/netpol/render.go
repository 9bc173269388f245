package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Table is the one nftables table this program owns.
const Table = "funkhaus-netpol"

// Render writes the plan as one nft script that replaces the table in a single transaction: there is no moment without rules.
//
// A verdict of a pod's chain is `return` for what passes and `drop` at its end, because a packet between two pods has to pass the
// sender's egress chain and the receiver's ingress chain. What the node itself sends to pods (probes, the ingress controller on
// the host) is never filtered; answers to it come back as established.
func Render(plan Plan, pods netip.Prefix) string {
	var out strings.Builder
	line := func(format string, words ...any) { fmt.Fprintf(&out, format+"\n", words...) }
	line("add table inet %s", Table)
	line("delete table inet %s", Table)
	line("table inet %s {", Table)
	line("  set known { type ipv4_addr; %s}", elements(plan.Known))
	chains := map[string]string{}
	for _, direction := range []struct {
		name  string
		field string
		rules map[netip.Addr][]Rule
	}{{"ingress", "saddr", plan.Ingress}, {"egress", "daddr", plan.Egress}} {
		var entries []string
		for _, address := range sorted(direction.rules) {
			body := chain(direction.rules[address], direction.field)
			name := chainName(direction.name, body)
			chains[name] = body
			entries = append(entries, fmt.Sprintf("%s : jump %s", address, name))
		}
		line("  map %s { type ipv4_addr : verdict; %s}", direction.name, joined(entries))
	}
	names := make([]string, 0, len(chains))
	for name := range chains {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line("  chain %s {\n%s  }", name, chains[name])
	}
	line("  chain from-pod { ip saddr != @known counter drop; ip saddr vmap @egress; }")
	line("  chain to-pod { ip daddr != @known counter drop; ip daddr vmap @ingress; }")
	line("  chain forward {\n    type filter hook forward priority filter - 5; policy accept;")
	line("    ct state established,related accept")
	line("    ip saddr %s jump from-pod\n    ip daddr %s jump to-pod\n  }", pods, pods)
	line("  chain input {\n    type filter hook input priority filter - 5; policy accept;")
	line("    ct state established,related accept\n    ip saddr %s jump from-pod\n  }", pods)
	line("}")
	return out.String()
}

func chainName(direction, body string) string {
	sum := sha256.Sum256([]byte(direction + body))
	return direction + "-" + hex.EncodeToString(sum[:6])
}

func chain(rules []Rule, field string) string {
	var lines []string
	for _, rule := range rules {
		for _, ports := range portMatches(rule.Ports) {
			for _, peers := range peerMatches(rule.Peers, field) {
				lines = append(lines, "    "+strings.Join(append(append([]string{}, peers...), append(ports, "return")...), " ")+"\n")
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "") + "    counter drop\n"
}

// peerMatches are alternatives, each a list of words that all have to match; one empty alternative is anybody, none is nobody.
func peerMatches(peers []Block, field string) [][]string {
	if peers == nil {
		return [][]string{{}}
	}
	var plain []netip.Addr
	var found [][]string
	for _, block := range peers {
		if block.Prefix.IsSingleIP() {
			plain = append(plain, block.Prefix.Addr())
			continue
		}
		words := []string{}
		if block.Prefix.Bits() > 0 {
			words = append(words, fmt.Sprintf("ip %s %s", field, block.Prefix))
		} else {
			words = append(words, "meta nfproto ipv4")
		}
		for _, except := range block.Except {
			words = append(words, fmt.Sprintf("ip %s != %s", field, except))
		}
		found = append(found, words)
	}
	if len(plain) > 0 {
		slices.SortFunc(plain, netip.Addr.Compare)
		texts := []string{}
		for _, address := range slices.Compact(plain) {
			texts = append(texts, address.String())
		}
		found = append(found, []string{fmt.Sprintf("ip %s { %s }", field, strings.Join(texts, ", "))})
	}
	return found
}

func portMatches(ports []PortRange) [][]string {
	if ports == nil {
		return [][]string{{}}
	}
	var found [][]string
	for _, port := range ports {
		protocol := strings.ToLower(port.Protocol)
		switch {
		case port.First == 0 && port.Last == 0:
			found = append(found, []string{"meta l4proto " + protocol})
		case port.First == port.Last:
			found = append(found, []string{fmt.Sprintf("%s dport %d", protocol, port.First)})
		default:
			found = append(found, []string{fmt.Sprintf("%s dport %d-%d", protocol, port.First, port.Last)})
		}
	}
	return found
}

func sorted(rules map[netip.Addr][]Rule) []netip.Addr {
	found := make([]netip.Addr, 0, len(rules))
	for address := range rules {
		found = append(found, address)
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return found
}

func elements(addresses []netip.Addr) string {
	texts := make([]string, 0, len(addresses))
	for _, address := range addresses {
		texts = append(texts, address.String())
	}
	return joined(texts)
}

func joined(entries []string) string {
	if len(entries) == 0 {
		return ""
	}
	return "elements = { " + strings.Join(entries, ", ") + " } "
}
