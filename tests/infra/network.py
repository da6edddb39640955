"""A network such as that of a Redis, which a stack does not make but may be put into."""

from tests.infra.cloud import Cloud


def make_network(cloud: Cloud) -> dict[str, object]:
    """Make a VPC with two subnets and a security group; return the keys that name them."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24")["Subnet"]["SubnetId"]
        for n in range(2)
    ]
    group = ec2.create_security_group(VpcId=vpc, GroupName="chat", Description="chat")["GroupId"]
    return {"vpcSubnetIds": subnets, "vpcSecurityGroupIds": [group]}
