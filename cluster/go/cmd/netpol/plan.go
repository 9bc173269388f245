package main

import (
	"net/netip"
	"slices"
	"sort"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A Snapshot is what the cluster says at one moment.
type Snapshot struct {
	Pods       []*corev1.Pod
	Namespaces []*corev1.Namespace
	Policies   []*networkingv1.NetworkPolicy
}

// A Plan is what may pass. An address of the pod range that is not Known passes nothing. A known address without an entry in
// Ingress (Egress) is not selected by any policy of that direction and receives (sends) everything.
type Plan struct {
	Known   []netip.Addr
	Ingress map[netip.Addr][]Rule
	Egress  map[netip.Addr][]Rule
}

// A Rule lets traffic pass whose other end is in Peers and whose destination port is in Ports; nil means any of either, and an
// empty, non-nil Peers matches nobody.
type Rule struct {
	Peers []Block
	Ports []PortRange
}

// A Block is a range of addresses without some ranges within it.
type Block struct {
	Prefix netip.Prefix
	Except []netip.Prefix
}

// A PortRange is a protocol and, unless both ends are 0, the ports from First to Last.
type PortRange struct {
	Protocol    string
	First, Last uint16
}

type world struct {
	pods       map[string][]podEnd // by namespace
	namespaces map[string]labels.Set
}

type podEnd struct {
	address netip.Addr
	labels  labels.Set
	pod     *corev1.Pod
}

// Build translates NetworkPolicy v1 (https://kubernetes.io/docs/concepts/services-networking/network-policies/) for every pod
// that has an address of its own. A policy it can't read (a malformed selector or CIDR) selects as written and allows nothing:
// it fails closed.
func Build(snapshot Snapshot) Plan {
	seen := world{pods: map[string][]podEnd{}, namespaces: map[string]labels.Set{}}
	for _, namespace := range snapshot.Namespaces {
		seen.namespaces[namespace.Name] = namespace.Labels
	}
	plan := Plan{Ingress: map[netip.Addr][]Rule{}, Egress: map[netip.Addr][]Rule{}}
	for _, pod := range snapshot.Pods {
		address, ok := addressOf(pod)
		if !ok {
			continue
		}
		plan.Known = append(plan.Known, address)
		seen.pods[pod.Namespace] = append(seen.pods[pod.Namespace], podEnd{address, pod.Labels, pod})
	}
	slices.SortFunc(plan.Known, netip.Addr.Compare)
	plan.Known = slices.Compact(plan.Known)
	for _, policy := range snapshot.Policies {
		selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err != nil {
			selector = labels.Everything()
		}
		for _, end := range seen.pods[policy.Namespace] {
			if !selector.Matches(end.labels) {
				continue
			}
			if covers(policy, networkingv1.PolicyTypeIngress) {
				rules := plan.Ingress[end.address]
				if err == nil {
					rules = append(rules, seen.ingress(policy, end)...)
				}
				plan.Ingress[end.address] = nonNil(rules)
			}
			if covers(policy, networkingv1.PolicyTypeEgress) {
				rules := plan.Egress[end.address]
				if err == nil {
					rules = append(rules, seen.egress(policy)...)
				}
				plan.Egress[end.address] = nonNil(rules)
			}
		}
	}
	return plan
}

func nonNil(rules []Rule) []Rule {
	if rules == nil {
		return []Rule{}
	}
	return rules
}

// addressOf is the pod's own IPv4 address; pods on the host's network and finished ones have none.
func addressOf(pod *corev1.Pod) (netip.Addr, bool) {
	if pod.Spec.HostNetwork || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(pod.Status.PodIP)
	return address, err == nil && address.Is4()
}

// covers says whether the policy speaks of a direction. Without policyTypes that is ingress always and egress where there are
// egress rules.
func covers(policy *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	if len(policy.Spec.PolicyTypes) > 0 {
		return slices.Contains(policy.Spec.PolicyTypes, direction)
	}
	return direction == networkingv1.PolicyTypeIngress || len(policy.Spec.Egress) > 0
}

func (seen world) ingress(policy *networkingv1.NetworkPolicy, end podEnd) []Rule {
	var rules []Rule
	for _, allowed := range policy.Spec.Ingress {
		ports, ok := portsOf(allowed.Ports, end.pod)
		if !ok {
			continue
		}
		rules = append(rules, Rule{Peers: seen.blocks(policy.Namespace, allowed.From), Ports: ports})
	}
	return rules
}

func (seen world) egress(policy *networkingv1.NetworkPolicy) []Rule {
	var rules []Rule
	for _, allowed := range policy.Spec.Egress {
		if !named(allowed.Ports) {
			if ports, ok := portsOf(allowed.Ports, nil); ok {
				rules = append(rules, Rule{Peers: seen.blocks(policy.Namespace, allowed.To), Ports: ports})
			}
			continue
		}
		// A named port means another number on every destination.
		for _, end := range seen.ends(policy.Namespace, allowed.To) {
			if ports, ok := portsOf(allowed.Ports, end.pod); ok {
				rules = append(rules, Rule{Peers: []Block{{Prefix: single(end.address)}}, Ports: ports})
			}
		}
		// Addresses outside the cluster have no named ports, but the rule's numbered ones hold for them.
		if ports, ok := portsOf(allowed.Ports, nil); ok {
			rules = append(rules, Rule{Peers: seen.blocks(policy.Namespace, allowed.To), Ports: ports})
		}
	}
	return rules
}

func named(ports []networkingv1.NetworkPolicyPort) bool {
	return slices.ContainsFunc(ports, func(port networkingv1.NetworkPolicyPort) bool {
		return port.Port != nil && port.Port.Type == intstr.String
	})
}

// blocks are the addresses of a rule's peers; nil, which is any, when it names none.
func (seen world) blocks(namespace string, peers []networkingv1.NetworkPolicyPeer) []Block {
	if len(peers) == 0 {
		return nil
	}
	found := []Block{}
	for _, peer := range peers {
		if peer.IPBlock == nil {
			for _, end := range seen.selected(namespace, peer) {
				found = append(found, Block{Prefix: single(end.address)})
			}
			continue
		}
		prefix, err := netip.ParsePrefix(peer.IPBlock.CIDR)
		if err != nil || !prefix.Addr().Is4() {
			continue
		}
		block := Block{Prefix: prefix.Masked()}
		for _, text := range peer.IPBlock.Except {
			except, err := netip.ParsePrefix(text)
			if err != nil {
				block = Block{} // what is to be left out can't be read: leave out all of it
				break
			}
			block.Except = append(block.Except, except.Masked())
		}
		if block.Prefix.IsValid() {
			found = append(found, block)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Prefix.String() < found[j].Prefix.String() })
	return found
}

// ends are the pods a rule's peers select; all pods when it names no peer.
func (seen world) ends(namespace string, peers []networkingv1.NetworkPolicyPeer) []podEnd {
	var found []podEnd
	if len(peers) == 0 {
		for _, ends := range seen.pods {
			found = append(found, ends...)
		}
	}
	for _, peer := range peers {
		if peer.IPBlock == nil {
			found = append(found, seen.selected(namespace, peer)...)
		}
	}
	return found
}

// selected are the pods one peer selects: of the policy's own namespace unless a namespace selector says otherwise.
func (seen world) selected(namespace string, peer networkingv1.NetworkPolicyPeer) []podEnd {
	pods := labels.Everything()
	if peer.PodSelector != nil {
		selector, err := metav1.LabelSelectorAsSelector(peer.PodSelector)
		if err != nil {
			return nil
		}
		pods = selector
	}
	names := []string{namespace}
	if peer.NamespaceSelector != nil {
		selector, err := metav1.LabelSelectorAsSelector(peer.NamespaceSelector)
		if err != nil {
			return nil
		}
		names = names[:0]
		for name, set := range seen.namespaces {
			if selector.Matches(set) {
				names = append(names, name)
			}
		}
	}
	var found []podEnd
	for _, name := range names {
		for _, end := range seen.pods[name] {
			if pods.Matches(end.labels) {
				found = append(found, end)
			}
		}
	}
	return found
}

// portsOf resolves a rule's ports for one destination. Nil with true means any port; false means that the rule names ports and
// this destination has none of them.
func portsOf(ports []networkingv1.NetworkPolicyPort, destination *corev1.Pod) ([]PortRange, bool) {
	if len(ports) == 0 {
		return nil, true
	}
	var found []PortRange
	for _, port := range ports {
		protocol := "TCP"
		if port.Protocol != nil {
			protocol = string(*port.Protocol)
		}
		switch {
		case port.Port == nil:
			found = append(found, PortRange{Protocol: protocol})
		case port.Port.Type == intstr.Int:
			first := uint16(port.Port.IntVal) //nolint:gosec // the API validates 1-65535
			last := first
			if port.EndPort != nil {
				last = uint16(*port.EndPort) //nolint:gosec // likewise
			}
			found = append(found, PortRange{protocol, first, last})
		case destination != nil:
			found = append(found, namedPorts(destination, port.Port.StrVal, protocol)...)
		}
	}
	return found, len(found) > 0
}

func namedPorts(pod *corev1.Pod, name, protocol string) []PortRange {
	var found []PortRange
	for _, container := range pod.Spec.Containers {
		for _, port := range container.Ports {
			own := string(port.Protocol)
			if own == "" {
				own = "TCP"
			}
			if port.Name == name && own == protocol {
				number := uint16(port.ContainerPort) //nolint:gosec // the API validates 1-65535
				found = append(found, PortRange{protocol, number, number})
			}
		}
	}
	return found
}

func single(address netip.Addr) netip.Prefix {
	return netip.PrefixFrom(address, address.BitLen())
}
