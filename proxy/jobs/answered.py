"""What a gateway's answer to a submit says: the task, or why there is none."""

from dataclasses import dataclass

from proxy.errors import ApiError, GatewayFault, from_fault
from proxy.failures import Failure, fault_of
from proxy.health import Attempt
from proxy.jobs import endings
from proxy.jobs.outcome import redacted
from proxy.redact import Redactor
from proxy.routing import Candidate
from translators.core import Answer, Call, State, Task
from translators.errors import MalformedReply


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway certainly took nothing; `failure`: what that says of the target."""

    error: ApiError
    failure: Failure | None


def answered(
    candidate: Candidate, answer: Answer, attempt: Attempt, redactor: Redactor
) -> Task | Refused | ApiError:
    """An error: nobody knows whether there is a task. The attempt is told how it ended."""
    fault = candidate.account.row.refuse(answer)
    if fault is not None:
        attempt.ended(GatewayFault(fault))
        fault = redacted(fault, redactor)
        if fault.certain:
            return Refused(from_fault(fault), fault_of(fault))
        return endings.ambiguous(fault.message)
    plan = candidate.plan
    read = plan.operation.read
    assert read is not None, "only operations whose answer is read become jobs"
    call = Call(candidate.capability, plan.model, plan.request.body)
    try:
        task = read(answer, call)
    except MalformedReply as exc:
        attempt.ended(exc)
        return endings.ambiguous(f"its answer could not be read ({exc})")
    if task.state is State.FAILED and task.id is None and task.fault and task.fault.certain:
        # Refused in the shape of a failed task: there is none.
        attempt.ended(GatewayFault(task.fault))
        error = from_fault(redacted(task.fault, redactor))
        return Refused(error, fault_of(task.fault))
    attempt.good()
    return task
