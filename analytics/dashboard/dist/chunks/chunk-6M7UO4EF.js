import{g as o}from"./chunk-UMTCUHV3.js";var c=4,r=18;function $({values:t}){let e=Math.max(1,...t);return o`<svg class="spark" width=${t.length*c} height=${r} aria-hidden="true">
    ${t.map((i,n)=>{let a=Math.max(i?2:1,i/e*r);return o`<rect key=${n} class=${i?"":"nil"} x=${n*c} y=${r-a} width="3"
        height=${a} rx="1" />`})}</svg>`}function d({values:t}){let e=Math.max(1,...t),i=100/Math.max(1,t.length-1),n=t.map((s,h)=>`${(h*i).toFixed(2)} ${(30-s/e*28).toFixed(2)}`),a=s=>s.length?"M"+s.join("L"):"";return o`<svg class=${"card-spark"+(t.some(Boolean)?"":" flat")} viewBox="0 0 100 31"
    preserveAspectRatio="none" aria-hidden="true">
    <path class="area" d=${a(n.slice(0,-1))+`L${n.at(-2)?.split(" ")[0]??0} 31L0 31Z`} />
    <path class="line now" d=${a(n.slice(0,-1))} />
    <path class="line now part" d=${a(n.slice(-2))} />
  </svg>`}export{$ as a,d as b};
