package main

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The world of upstream's conformance cases: namespaces x, y, z, each with pods a, b, c that serve 80 and 81.
func upstream(policies ...*networkingv1.NetworkPolicy) Snapshot {
	var snapshot Snapshot
	number := 1
	for _, namespace := range []string{"x", "y", "z"} {
		snapshot.Namespaces = append(snapshot.Namespaces, &corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"ns": namespace}},
		})
		for _, pod := range []string{"a", "b", "c"} {
			snapshot.Pods = append(snapshot.Pods, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod, Labels: map[string]string{"pod": pod}},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{
					{Name: "serve-80", ContainerPort: 80, Protocol: "TCP"}, {Name: "serve-81", ContainerPort: 81},
				}}}},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: netip.AddrFrom4([4]byte{10, 244, 0, byte(number)}).String()},
			})
			number++
		}
	}
	snapshot.Policies = policies
	return snapshot
}

func ip(name string) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 244, 0, 3*(name[0]-'x') + (name[2] - 'a') + 1})
}

// allows is the meaning of a plan: what the rendered table does to the first packet of a connection.
func (p Plan) allows(from, to netip.Addr, protocol string, port uint16) bool {
	pods := netip.MustParsePrefix("10.244.0.0/16")
	for _, end := range []netip.Addr{from, to} {
		if pods.Contains(end) && !slices.Contains(p.Known, end) {
			return false
		}
	}
	rules, selected := p.Egress[from]
	if selected && !passes(rules, to, protocol, port) {
		return false
	}
	rules, selected = p.Ingress[to]
	return !selected || passes(rules, from, protocol, port)
}

func passes(rules []Rule, other netip.Addr, protocol string, port uint16) bool {
	return slices.ContainsFunc(rules, func(rule Rule) bool {
		peer := rule.Peers == nil || slices.ContainsFunc(rule.Peers, func(block Block) bool {
			return block.Prefix.Contains(other) && !slices.ContainsFunc(block.Except, func(p netip.Prefix) bool { return p.Contains(other) })
		})
		return peer && (rule.Ports == nil || slices.ContainsFunc(rule.Ports, func(r PortRange) bool {
			return r.Protocol == protocol && (r.First == 0 && r.Last == 0 || r.First <= port && port <= r.Last)
		}))
	})
}

func selector(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func policy(namespace string, pods *metav1.LabelSelector, change func(*networkingv1.NetworkPolicySpec)) *networkingv1.NetworkPolicy {
	made := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"}}
	if pods != nil {
		made.Spec.PodSelector = *pods
	}
	if change != nil {
		change(&made.Spec)
	}
	return made
}

func from(peers ...networkingv1.NetworkPolicyPeer) func(*networkingv1.NetworkPolicySpec) {
	return func(spec *networkingv1.NetworkPolicySpec) {
		spec.Ingress = append(spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: peers})
	}
}

func ports(numbers ...intstr.IntOrString) []networkingv1.NetworkPolicyPort {
	var found []networkingv1.NetworkPolicyPort
	for _, number := range numbers {
		found = append(found, networkingv1.NetworkPolicyPort{Port: &number})
	}
	return found
}

func TestConformance(t *testing.T) {
	number, name := intstr.FromInt32, intstr.FromString
	end := int32(85)
	udp := corev1.ProtocolUDP
	egress := []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	denyEgress := policy("x", nil, func(s *networkingv1.NetworkPolicySpec) { s.PolicyTypes = egress })
	type want map[string]bool // "x/a>x/b:80" or "x/a>8.8.8.8:53/UDP"
	cases := map[string]struct {
		policies []*networkingv1.NetworkPolicy
		want     want
	}{
		"no policy": {nil, want{"x/a>y/b:80": true, "x/a>8.8.8.8:53": true, "8.8.8.8>x/a:80": true}},
		"default deny ingress": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, nil)},
			want{"x/b>x/a:80": false, "y/a>x/a:80": false, "x/a>y/a:80": true, "y/a>y/b:80": true},
		},
		"default deny egress": {
			[]*networkingv1.NetworkPolicy{denyEgress},
			want{"x/a>x/b:80": false, "x/a>8.8.8.8:53": false, "y/a>x/a:80": true},
		},
		"default deny both": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				s.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
			})},
			want{"x/a>y/a:80": false, "y/a>x/a:80": false, "y/a>z/a:80": true},
		},
		"allow all on top of deny": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, nil), policy("x", nil, from())},
			want{"y/a>x/a:80": true},
		},
		"an empty list of rules allows nothing, an empty rule everything": {
			[]*networkingv1.NetworkPolicy{policy("x", selector("pod", "a"), func(s *networkingv1.NetworkPolicySpec) {
				s.Ingress = []networkingv1.NetworkPolicyIngressRule{}
			}), policy("x", selector("pod", "b"), func(s *networkingv1.NetworkPolicySpec) {
				s.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
			})},
			want{"y/a>x/a:80": false, "y/a>x/b:80": true},
		},
		"by pod selector, of the policy's namespace only": {
			[]*networkingv1.NetworkPolicy{policy("x", selector("pod", "a"), from(networkingv1.NetworkPolicyPeer{PodSelector: selector("pod", "b")}))},
			want{"x/b>x/a:80": true, "x/c>x/a:80": false, "y/b>x/a:80": false, "x/c>x/b:80": true},
		},
		"by namespace selector": {
			[]*networkingv1.NetworkPolicy{policy("x", selector("pod", "a"), from(networkingv1.NetworkPolicyPeer{NamespaceSelector: selector("ns", "y")}))},
			want{"y/a>x/a:80": true, "z/a>x/a:80": false, "x/b>x/a:80": false},
		},
		"an empty namespace selector is every namespace": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, from(networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}))},
			want{"z/c>x/a:80": true, "9.9.9.9>x/a:80": false},
		},
		"by namespace and pod together": {
			[]*networkingv1.NetworkPolicy{policy("x", selector("pod", "a"), from(networkingv1.NetworkPolicyPeer{
				NamespaceSelector: selector("ns", "y"), PodSelector: selector("pod", "b"),
			}))},
			want{"y/b>x/a:80": true, "y/a>x/a:80": false, "x/b>x/a:80": false, "z/b>x/a:80": false},
		},
		"by namespace or pod": {
			[]*networkingv1.NetworkPolicy{policy("x", selector("pod", "a"), from(
				networkingv1.NetworkPolicyPeer{NamespaceSelector: selector("ns", "y")},
				networkingv1.NetworkPolicyPeer{PodSelector: selector("pod", "b")},
			))},
			want{"y/c>x/a:80": true, "x/b>x/a:80": true, "z/b>x/a:80": false},
		},
		"by match expression": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, from(networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "ns", Operator: "NotIn", Values: []string{"x"}}},
			}}))},
			want{"y/a>x/a:80": true, "x/b>x/a:80": false},
		},
		"a selector that can't be read allows nobody": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, from(networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "pod", Operator: "Resembles"}},
			}}))},
			want{"x/b>x/a:80": false, "y/b>x/a:80": false},
		},
		"by port": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				s.Ingress = []networkingv1.NetworkPolicyIngressRule{{Ports: ports(number(80))}}
			})},
			want{"y/a>x/a:80": true, "y/a>x/a:81": false, "y/a>x/a:80/UDP": false},
		},
		"by named port, ingress": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				s.Ingress = []networkingv1.NetworkPolicyIngressRule{{Ports: ports(name("serve-81"))}}
			})},
			want{"y/a>x/a:81": true, "y/a>x/a:80": false},
		},
		"by a name no container has": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				s.Ingress = []networkingv1.NetworkPolicyIngressRule{{Ports: ports(name("nothing"))}}
			})},
			want{"y/a>x/a:81": false, "y/a>x/a:80": false},
		},
		"by named port, egress": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				s.PolicyTypes = egress
				s.Egress = []networkingv1.NetworkPolicyEgressRule{{Ports: ports(name("serve-80"))}}
			})},
			want{"x/a>y/a:80": true, "x/a>y/a:81": false, "x/a>8.8.8.8:80": false},
		},
		"by port range": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				first := number(80)
				s.PolicyTypes = egress
				s.Egress = []networkingv1.NetworkPolicyEgressRule{{Ports: []networkingv1.NetworkPolicyPort{{Port: &first, EndPort: &end}}}}
			})},
			want{"x/a>y/a:80": true, "x/a>y/a:85": true, "x/a>y/a:86": false},
		},
		"by protocol alone": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				s.Ingress = []networkingv1.NetworkPolicyIngressRule{{Ports: []networkingv1.NetworkPolicyPort{{Protocol: &udp}}}}
			})},
			want{"y/a>x/a:80/UDP": true, "y/a>x/a:80": false},
		},
		"by block with an exception": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				s.PolicyTypes = egress
				s.Egress = []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{
					IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.0.0.0/8"}},
				}}}}
			})},
			want{"x/a>8.8.8.8:443": true, "x/a>10.222.0.1:6443": false, "x/a>y/a:80": false},
		},
		"an exception of one policy is no denial of another": {
			[]*networkingv1.NetworkPolicy{
				policy("x", nil, from(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.244.0.0/24", Except: []string{ip("y/a").String() + "/32"}}})),
				policy("x", nil, from(networkingv1.NetworkPolicyPeer{NamespaceSelector: selector("ns", "y")})),
			},
			want{"y/a>x/a:80": true, "z/a>x/a:80": true},
		},
		"an exception that can't be read leaves out everything": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, from(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.244.0.0/24", Except: []string{"?"}}}))},
			want{"y/a>x/a:80": false},
		},
		"egress of one end and ingress of the other both have to allow": {
			[]*networkingv1.NetworkPolicy{denyEgress, policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				s.PolicyTypes = egress
				s.Egress = []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: selector("ns", "y")}}}}
			}), policy("y", selector("pod", "b"), nil)},
			want{"x/a>y/a:80": true, "x/a>y/b:80": false, "x/a>z/a:80": false},
		},
		"policyTypes left out means ingress, and egress where it has rules": {
			[]*networkingv1.NetworkPolicy{policy("x", nil, func(s *networkingv1.NetworkPolicySpec) {
				s.Egress = []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: selector("ns", "y")}}}}
			})},
			want{"x/a>y/a:80": true, "x/a>z/a:80": false, "y/a>x/a:80": false},
		},
		"an address nobody knows": {nil, want{"10.244.0.99>x/a:80": false, "x/a>10.244.0.99:80": false}},
	}
	for title, test := range cases {
		t.Run(title, func(t *testing.T) {
			plan := Build(upstream(test.policies...))
			for connection, want := range test.want {
				source, rest, _ := strings.Cut(connection, ">")
				rest, protocol, found := strings.Cut(rest, "/UDP")
				if found {
					protocol = "UDP"
				} else {
					protocol = "TCP"
				}
				at := strings.LastIndex(rest, ":")
				port := uint16(0)
				for _, digit := range rest[at+1:] {
					port = port*10 + uint16(digit-'0')
				}
				if got := plan.allows(parse(source), parse(rest[:at]), protocol, port); got != want {
					t.Errorf("%s: %v, want %v", connection, got, want)
				}
			}
			render(t, plan)
		})
	}
}

func parse(end string) netip.Addr {
	if strings.Contains(end, "/") {
		return ip(end)
	}
	return netip.MustParseAddr(end)
}

// render checks the script with nft itself where there is one; it changes nothing (-c), but needs to be root.
func render(t *testing.T, plan Plan) {
	t.Helper()
	script := Render(plan, netip.MustParsePrefix("10.244.0.0/16"))
	command := exec.Command("nft", "-c", "-f", "-")
	command.Stdin = strings.NewReader(script)
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("nft refuses: %v\n%s\n%s", err, out, script)
	}
}

func TestPodsWithoutAnAddressOfTheirOwnAreNotKnown(t *testing.T) {
	snapshot := upstream()
	snapshot.Pods[0].Spec.HostNetwork = true
	snapshot.Pods[1].Status.Phase = corev1.PodSucceeded
	snapshot.Pods[2].Status.PodIP = ""
	plan := Build(snapshot)
	if len(plan.Known) != 6 || slices.Contains(plan.Known, ip("x/a")) {
		t.Errorf("known: %v", plan.Known)
	}
}

func TestPodsUnderTheSamePoliciesShareAChain(t *testing.T) {
	script := Render(Build(upstream(policy("x", nil, nil))), netip.MustParsePrefix("10.244.0.0/16"))
	if count := strings.Count(script, "chain ingress-"); count != 1 {
		t.Errorf("%d chains:\n%s", count, script)
	}
}

func TestTheScriptIsTheSameWhateverTheOrder(t *testing.T) {
	snapshot := upstream(policy("x", nil, nil), policy("y", nil, from()))
	pods := netip.MustParsePrefix("10.244.0.0/16")
	first := Render(Build(snapshot), pods)
	slices.Reverse(snapshot.Pods)
	slices.Reverse(snapshot.Policies)
	slices.Reverse(snapshot.Namespaces)
	if first != Render(Build(snapshot), pods) {
		t.Error("two orders, two scripts")
	}
}
