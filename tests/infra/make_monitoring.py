"""Makes alarms, their topics, budgets and dashboards."""

from collections.abc import Mapping

from tests.infra.aws_api import ACCOUNT, Aws, Maker, State, present, tag_list


def _topic(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send("sns", "CreateTopic", Name=inputs["name"], Tags=tag_list(inputs["tags"]))
    return answer["TopicArn"], {"arn": answer["TopicArn"]}


def _subscription(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "sns",
        "Subscribe",
        TopicArn=inputs["topic"],
        Protocol=inputs["protocol"],
        Endpoint=inputs["endpoint"],
    )
    return answer["SubscriptionArn"], {}


def _alarm(aws: Aws, inputs: State) -> tuple[str, State]:
    dimensions = [{"Name": key, "Value": value} for key, value in inputs["dimensions"].items()]
    aws.send(
        "cloudwatch",
        "PutMetricAlarm",
        **present(
            AlarmName=inputs["name"],
            AlarmDescription=inputs["alarmDescription"],
            Namespace=inputs["namespace"],
            MetricName=inputs["metricName"],
            Dimensions=dimensions,
            Statistic=inputs.get("statistic"),
            ExtendedStatistic=inputs.get("extendedStatistic"),
            Period=inputs["period"],
            EvaluationPeriods=inputs["evaluationPeriods"],
            Threshold=inputs["threshold"],
            ComparisonOperator=inputs["comparisonOperator"],
            TreatMissingData=inputs["treatMissingData"],
            AlarmActions=inputs["alarmActions"],
            OKActions=inputs["okActions"],
            Tags=tag_list(inputs["tags"]),
        ),
    )
    return inputs["name"], {}


def _budget(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "budgets",
        "CreateBudget",
        AccountId=ACCOUNT,
        Budget={
            "BudgetName": inputs["name"],
            "BudgetType": inputs["budgetType"],
            "BudgetLimit": {"Amount": inputs["limitAmount"], "Unit": inputs["limitUnit"]},
            "TimeUnit": inputs["timeUnit"],
        },
        NotificationsWithSubscribers=[
            {
                "Notification": {
                    "NotificationType": notice["notificationType"],
                    "ComparisonOperator": notice["comparisonOperator"],
                    "Threshold": notice["threshold"],
                    "ThresholdType": notice["thresholdType"],
                },
                "Subscribers": [
                    {"SubscriptionType": "EMAIL", "Address": address}
                    for address in notice["subscriberEmailAddresses"]
                ],
            }
            for notice in inputs["notifications"]
        ],
        ResourceTags=tag_list(inputs["tags"]),
    )
    return f"{ACCOUNT}:{inputs['name']}", {}


def _dashboard(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "cloudwatch",
        "PutDashboard",
        DashboardName=inputs["dashboardName"],
        DashboardBody=inputs["dashboardBody"],
    )
    return inputs["dashboardName"], {}


MAKERS: Mapping[str, Maker] = {
    "aws:sns/topic:Topic": _topic,
    "aws:sns/topicSubscription:TopicSubscription": _subscription,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:budgets/budget:Budget": _budget,
    "aws:cloudwatch/dashboard:Dashboard": _dashboard,
}
