{{/*
What the policies of backstop-functions.yaml and backstop-triggers.yaml share. They judge what an object asks for as the house's rules
do (policies/funkhaus/admission), where that takes nothing but the object and catalogues: docs/decisions/0031. Their data are
ConfigMap funkhaus-bounds, which the API server writes (funkhaus.manifests.backstop), and what the controller writes on the Namespace.
A missing key is an error, and an error a refusal. `message` is said where what `messageExpression` says has a line break in it.
*/}}
{{- define "funkhaus.bounds" -}}funkhaus-bounds{{- end -}}
{{- define "funkhaus.backstop.match" -}}
failurePolicy: Fail
paramKind: {apiVersion: v1, kind: ConfigMap}
matchConstraints:
  matchPolicy: Equivalent
  namespaceSelector:
    matchExpressions: [{key: funkhaus.dev/tenant, operator: Exists}]
  resourceRules:
    - apiGroups: [funkhaus.dev]
      apiVersions: ["*"]
      resources: [{{ .resource }}]
      operations: [CREATE, UPDATE]
      scope: Namespaced
matchConditions:
  # Finalizers and notes come off what a newer set would not let in, and the platform writes notes; status has its own path.
  - name: changes-what-is-judged
    expression: >-
      request.operation == "CREATE" || object.?spec != oldObject.?spec
      || !request.userInfo.username.startsWith({{ printf "system:serviceaccount:%s:" .namespace | squote }})
         && object.metadata.?annotations.orValue({}).exists(key, !(key in oldObject.metadata.?annotations.orValue({})))
{{- end -}}
{{- define "funkhaus.backstop.variables" -}}
- name: data
  expression: params.?data.orValue({})
- name: rules
  expression: variables.data[?"rules"].orValue("").split("\n")
- name: plan
  expression: namespaceObject.metadata.?labels[?"funkhaus.dev/plan"].orValue("")
# A mark is the platform's, and backstop-marks.yaml's business.
- name: annotations
  expression: >-
    object.metadata.?annotations.orValue({}).map(key, key).filter(key, !key.matches("^([^/]*[.])?funkhaus[.]dev/"))
{{- end -}}
{{- define "funkhaus.backstop.validations" -}}
- reason: Forbidden
  expression: '"revision" in variables.data'
  message: "request: the house's bounds are not there yet; the API server writes them, try again"
- reason: Forbidden
  expression: variables.data[?"plans"].orValue("").split("\n").exists(plan, plan != "" && plan == variables.plan)
  messageExpression: >-
    "request: the plan \"" + variables.plan + "\" of this namespace is not in the house's bounds"
- reason: Forbidden
  expression: >-
    !("annotations" in variables.rules) || size(variables.annotations) <= int(variables.data["annotations.most"])
  messageExpression: >-
    "annotations: the object has " + string(size(variables.annotations)) + "; at most " + variables.data["annotations.most"] + " pass"
{{- end -}}
{{- define "funkhaus.backstop.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ include "funkhaus.admission" . }}-{{ .policy }}
  labels: {{- include "funkhaus.labels" . | nindent 4 }}
spec:
  policyName: {{ include "funkhaus.admission" . }}-{{ .policy }}
  paramRef: {namespace: {{ .Release.Namespace }}, name: {{ include "funkhaus.bounds" . }}, parameterNotFoundAction: Deny}
  validationActions: [Deny]
{{- end -}}
